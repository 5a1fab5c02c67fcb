package publish

import (
	"slices"

	"clfsload/state"
)

// promises is what readers were shown, and what they may rely on since then.
type promises struct {
	shown  map[state.Ino]bool    // by the last complete publication
	places map[state.Ino][]place // where each inode was shown, or was since that moment
	since  map[state.Ino][]place // where each was when the last publication began, or later
	ever   map[entry]bool        // every entry that there ever was
	steady map[entry]bool        // entries that were shown, and did not change since
	// The files that took the places of steady entries, and of files that are gone by that. A file
	// that lost one of several names like this has nobody for the others.
	instead map[entry]state.Ino
	heir    map[state.Ino]state.Ino
	partly  map[state.Ino]bool
}

type entry struct {
	place
	ino state.Ino
}

func newPromises() promises {
	return promises{places: map[state.Ino][]place{}, since: map[state.Ino][]place{}, ever: map[entry]bool{},
		instead: map[entry]state.Ino{}, heir: map[state.Ino]state.Ino{}, partly: map[state.Ino]bool{}}
}

func (p *promises) begin(snapshot *journal) {
	clear(p.since)
	for ino, n := range snapshot.nodes {
		p.since[ino] = slices.Clone(n.names)
	}
}

func (p *promises) entered(at place, n *node) {
	e := entry{at, n.Ino}
	p.places[n.Ino] = append(p.places[n.Ino], at)
	p.since[n.Ino] = append(p.since[n.Ino], at)
	p.ever[e] = true
	delete(p.instead, e)
}

func (p *promises) left(at place, n *node) { delete(p.steady, entry{at, n.Ino}) }

// replaced notes that n took the place of old, which was in reach or not.
func (p *promises) replaced(at place, old, n *node, inReach bool) {
	if e := (entry{at, old.Ino}); p.steady[e] && !old.IsDirectory() {
		p.instead[e] = n.Ino
	}
	p.left(at, old)
	switch {
	case old.IsDirectory():
	case old.State != state.Removed:
		p.partly[old.Ino] = true
	case inReach && !p.partly[old.Ino]:
		p.heir[old.Ino] = n.Ino
	case !inReach: // n stands for what old stood for
		passOn(p.instead, old.Ino, n.Ino)
		passOn(p.heir, old.Ino, n.Ino)
	}
}

func passOn[K comparable](m map[K]state.Ino, old, to state.Ino) {
	for k, ino := range m {
		if ino == old {
			m[k] = to
		}
	}
}

// listing is what a blob of a directory lists.
type listing map[string]state.Ino

// has reports whether an inode is listed under a name, or under a stand-in because the name is
// another's.
func (l listing) has(name string, ino state.Ino) bool {
	return l[name] == ino || l[name] != 0 && slices.ContainsFunc(standIns(ino, name), func(s string) bool { return l[s] == ino })
}

// standIns are as many as a directory of few names can need.
func standIns(ino state.Ino, name string) (list []string) {
	for again := range 4 {
		list = append(list, string(standInName(ino, again, []byte(name))))
	}
	return list
}

// explain holds a listing to entries that there were, and to stand-ins of those whose names
// are another's.
func (p *promises) explain(w *world, dir state.Ino, l listing) {
	for name, ino := range l {
		if !p.ever[entry{place{dir, name}, ino}] && !p.isStandIn(dir, name, ino, l) {
			w.violate("directory %d lists %d as %q", dir, ino, name)
		}
	}
}

func (p *promises) isStandIn(dir state.Ino, name string, ino state.Ino, l listing) bool {
	for e := range p.ever {
		if e.dir == dir && e.ino == ino && l[e.name] != 0 && slices.Contains(standIns(ino, e.name), name) {
			return true
		}
	}
	return false
}

// view is what the root of the container leads to: the listings of directories, and the inodes.
type view struct {
	listings map[state.Ino]listing
	seen     map[state.Ino]bool
	loop     bool
}

func (w *world) view() *view {
	v := &view{map[state.Ino]listing{}, map[state.Ino]bool{}, false}
	if len(w.container[state.RootIno]) > 0 {
		w.visit(v, state.RootIno, map[state.Ino]bool{})
	}
	return v
}

// visit goes through a directory; path are those above it.
func (w *world) visit(v *view, dir state.Ino, path map[state.Ino]bool) {
	path[dir] = true
	defer delete(path, dir)
	l := w.newest(dir).listing
	v.listings[dir] = l
	for name, ino := range l {
		v.seen[ino] = true
		switch {
		case len(w.container[ino]) == 0:
			w.violate("%d is listed in %d as %q, and is missing", ino, dir, name)
		case path[ino]:
			v.loop = true
		case v.listings[ino] == nil && w.newest(ino).listing != nil:
			w.visit(v, ino, path)
		}
	}
}

// has reports whether readers find an inode at a place, or by a stand-in there.
func (v *view) has(at place, ino state.Ino) bool { return v.listings[at.dir].has(at.name, ino) }

// finds reports whether readers find an inode where it was shown, or has been since.
func (w *world) finds(v *view, ino state.Ino) bool {
	return slices.ContainsFunc(w.promises.places[ino], func(at place) bool { return v.has(at, ino) })
}

// check holds the container to the promises.
func (w *world) check() {
	v := w.view()
	for ino := range w.promises.shown {
		switch {
		case w.lives(ino):
			if !w.finds(v, ino) {
				w.violate("%d is out of reach", ino)
			}
		case w.isAwaited(ino):
			if heir := w.promises.heir[ino]; !w.finds(v, ino) && !w.hasArrived(v, heir) {
				w.violate("%d is out of reach, which %d has replaced", ino, heir)
			}
		}
	}
	for e := range w.promises.steady {
		if v.listings[e.dir][e.name] != e.ino {
			w.violate("%d is not found at %v, where it stays", e.ino, e.place)
		}
	}
	for e, heir := range w.promises.instead {
		if w.lives(e.dir) && w.lives(heir) && !v.has(e.place, e.ino) && !w.hasArrived(v, heir) {
			w.violate("%d is not found at %v, where %d has replaced it", e.ino, e.place, heir)
		}
	}
}

// isAwaited reports whether the file that replaced another one lives, and the directories of the
// other do: their tombstones keep it.
func (w *world) isAwaited(ino state.Ino) bool {
	return w.lives(w.promises.heir[ino]) &&
		!slices.ContainsFunc(w.promises.places[ino], func(at place) bool { return !w.lives(at.dir) })
}

// hasArrived reports whether readers find a file that has replaced another.
func (w *world) hasArrived(v *view, heir state.Ino) bool { return w.uploaded(heir) && w.finds(v, heir) }

// remember takes up what a complete publication shows.
func (w *world) remember(snapshot *journal) {
	v := w.view()
	if v.loop {
		w.violate("there is a loop after a publication")
	}
	for dir, l := range v.listings {
		w.checkFinal(snapshot, dir, l)
	}
	p := &w.promises
	p.shown, p.steady = v.seen, map[entry]bool{}
	clear(p.partly)
	clear(p.places)
	for e := range p.ever {
		if v.has(e.place, e.ino) || slices.Contains(p.since[e.ino], e.place) {
			p.places[e.ino] = append(p.places[e.ino], e.place)
		}
		if n := w.at(e.place); n != nil && n.Ino == e.ino && v.listings[e.dir][e.name] == e.ino {
			p.steady[e] = true
		}
	}
	for e, heir := range p.instead {
		if !v.has(e.place, e.ino) || !w.lives(heir) {
			delete(p.instead, e)
		}
	}
}

// checkFinal holds a listing to the directory as of a snapshot: all that was uploaded, and
// otherwise only files whose successors were not.
func (w *world) checkFinal(snapshot *journal, dir state.Ino, l listing) {
	if !snapshot.lives(dir) {
		w.violate("directory %d is found although it was removed", dir)
		return
	}
	entries := snapshot.nodes[dir].entries
	for name, ino := range entries {
		if n := snapshot.nodes[ino]; (n.IsDirectory() || n.PutVersion != 0) && l[name] != ino {
			w.violate("%d is not listed as %q in %d after a publication", ino, name, dir)
		}
	}
	for name, ino := range l {
		if entries[name] != ino && !snapshot.isKept(dir, ino) {
			w.violate("%d is listed as %q in %d after a publication", ino, name, dir)
		}
	}
}

// isKept reports whether a directory keeps a file whose successor is not uploaded.
func (j *journal) isKept(dir, ino state.Ino) bool {
	return slices.ContainsFunc(j.tombstones, func(t tombstone) bool {
		return t.dir == dir && t.ino == ino && j.lives(t.successor) && !j.uploaded(t.successor)
	})
}
