package publish

import (
	"fmt"
	"maps"
	"slices"

	"clfsload/clfs"
	"clfsload/state"
)

// world is a mount, the container that it is published to, and what readers were promised.
// Everything that happens is picked by a history.
type world struct {
	*journal
	history
	container map[state.Ino]map[uint32]worldBlob // by inode and version
	promises  promises
	noUploads bool   // as of the engine, while a publication takes its snapshot
	violation string // the first one
	log       func(format string, args ...any)
}

// blob is what the container has of an inode.
type worldBlob struct {
	owner   state.Ino
	put     uint64  // number of the publication
	listing listing // of a directory
}

// history picks what happens. When it is over, nothing more does: each pick is 0.
type history []byte

// pick returns a number below n.
func (h *history) pick(n int) int {
	if len(*h) == 0 {
		return 0
	}
	b := (*h)[0]
	*h = (*h)[1:]
	return int(b) % n
}

// happens picks whether something does that happens once in n times.
func (h *history) happens(n int) bool { return h.pick(n) == n-1 }

func pickOf[T any](h *history, list []T) T { return list[h.pick(len(list))] }

func newWorld(h history) *world {
	return &world{journal: newJournal(), history: h, container: map[state.Ino]map[uint32]worldBlob{},
		promises: newPromises(), log: func(string, ...any) {}}
}

func (w *world) violate(format string, args ...any) {
	if w.violation == "" {
		w.violation = fmt.Sprintf(format, args...)
		w.log("VIOLATION: %s", w.violation)
	}
}

// play goes through the history, and then lets everything come to its end.
func (w *world) play() {
	for len(w.history) > 0 && w.violation == "" {
		switch w.pick(16) {
		case 0:
			w.publish(false)
		case 1, 2:
			w.publish(true)
		case 3:
			w.collect()
		default:
			w.mutate()
		}
	}
	w.end()
}

// end holds the world to what is left when all is uploaded and two publications were undisturbed.
func (w *world) end() {
	w.log("the end")
	for _, n := range w.inOrder() {
		if !n.IsDirectory() && w.lives(n.Ino) && n.PutVersion == 0 {
			w.upload(n)
		}
	}
	w.publish(false)
	w.publish(false)
	if len(w.tombstones) > 0 {
		w.violate("tombstones are left: %v", w.tombstones)
	}
	for _, n := range w.inOrder() {
		switch {
		case !w.lives(n.Ino):
			w.violate("%d is removed, and not forgotten", n.Ino)
		case n.IsDirectory() && n.State != state.Done || n.Flags&state.Renamed != 0:
			w.violate("%d is changed still", n.Ino)
		case n.IsDirectory() && !maps.Equal(w.newest(n.Ino).listing, n.entries):
			w.violate("directory %d is listed as %v, and has %v", n.Ino, w.newest(n.Ino).listing, n.entries)
		}
	}
}

// newest is the blob that readers take.
func (w *world) newest(ino state.Ino) worldBlob {
	blobs := w.container[ino]
	if len(blobs) == 0 {
		return worldBlob{}
	}
	return blobs[slices.Max(slices.Collect(maps.Keys(blobs)))]
}

// collect deletes what is not needed.
func (w *world) collect() {
	if w.isPublishing() {
		return
	}
	for _, b := range w.garbage {
		if blob, found := w.container[b.ino][b.version]; found && blob.owner == b.owner {
			delete(w.container[b.ino], b.version)
		}
	}
	w.garbage = nil
	for _, n := range w.inOrder() {
		if w.isFree(n) {
			w.log("delete %d", n.Ino)
			delete(w.container, n.Ino)
			delete(w.nodes, n.Ino)
			w.dropTombstonesOf(n.Ino)
		}
	}
	w.check()
}

// crowd is how many inodes have names at most: histories of few are the most entangled.
const crowd = 10

// mutate makes one change of the mount.
func (w *world) mutate() {
	switch w.pick(16) {
	case 0, 1, 2:
		w.create(clfs.TypeRegular)
	case 3, 4:
		w.create(clfs.TypeDirectory)
	case 5, 6:
		w.uploadOne()
	case 7:
		w.linkOne()
	case 8, 9:
		w.removeOne()
	case 10:
		w.exchangeTwo()
	case 11:
		w.touchOne()
	default:
		w.renameOne()
	}
}

func (w *world) living(is func(*node) bool) []*node {
	return slices.DeleteFunc(w.inOrder(), func(n *node) bool { return !w.lives(n.Ino) || !is(n) })
}

func isFile(n *node) bool      { return !n.IsDirectory() }
func isDirectory(n *node) bool { return n.IsDirectory() }

func (w *world) pickDirectory() *node { return pickOf(&w.history, w.living(isDirectory)) }

// pickName is one of few, so that they collide, or one that a stand-in may have.
func (w *world) pickName() string {
	name := string("aaabbbc"[w.pick(7)])
	if w.happens(16) {
		return string(standInName(state.Ino(w.pick(int(w.next))), w.pick(2), []byte(name)))
	}
	return name
}

func (w *world) pickEntry() (dir *node, name string, n *node, ok bool) {
	var all []place
	for _, d := range w.living(isDirectory) {
		for _, name := range slices.Sorted(maps.Keys(d.entries)) {
			all = append(all, place{d.Ino, name})
		}
	}
	if len(all) == 0 {
		return nil, "", nil, false
	}
	p := pickOf(&w.history, all)
	return w.nodes[p.dir], p.name, w.at(p), true
}

// at returns what is at a place now, or nil.
func (w *world) at(p place) *node {
	dir := w.nodes[p.dir]
	if dir == nil {
		return nil
	}
	return w.nodes[dir.entries[p.name]]
}

func (w *world) create(typ clfs.Type) {
	dir, name := w.pickDirectory(), w.pickName()
	if dir.entries[name] != 0 || len(w.living(func(*node) bool { return true })) >= crowd {
		return
	}
	n := w.add(dir, name, typ)
	w.log("create %v %d at %d/%s", typ, n.Ino, dir.Ino, name)
	w.promises.entered(place{dir.Ino, name}, n)
}

func (w *world) uploadOne() {
	waiting := w.living(func(n *node) bool { return isFile(n) && n.PutVersion == 0 })
	if len(waiting) == 0 || w.noUploads {
		return
	}
	w.upload(pickOf(&w.history, waiting))
}

func (w *world) upload(n *node) {
	w.log("upload %d", n.Ino)
	w.journal.upload(n)
	w.container[n.Ino] = map[uint32]worldBlob{n.PutVersion: {}}
}

func (w *world) linkOne() {
	files := w.living(isFile)
	dir, name := w.pickDirectory(), w.pickName()
	if len(files) == 0 || dir.entries[name] != 0 {
		return
	}
	n := pickOf(&w.history, files)
	w.log("link %d at %d/%s", n.Ino, dir.Ino, name)
	w.link(n, dir, name)
	w.promises.entered(place{dir.Ino, name}, n)
}

func (w *world) removeOne() {
	dir, name, n, ok := w.pickEntry()
	if !ok || len(n.entries) > 0 {
		return
	}
	w.log("remove %d at %d/%s", n.Ino, dir.Ino, name)
	w.unlink(dir, name, n)
	w.promises.left(place{dir.Ino, name}, n)
}

func (w *world) touchOne() {
	dir := w.pickDirectory()
	w.log("change attributes of directory %d", dir.Ino)
	w.touch(dir)
}

func (w *world) renameOne() {
	from, name, moved, ok := w.pickEntry()
	to, newName := w.pickDirectory(), w.pickName()
	if !ok || !w.fits(moved, to) {
		return
	}
	other := w.at(place{to.Ino, newName})
	if other == moved || other != nil && (other.IsDirectory() != moved.IsDirectory() || len(other.entries) > 0) {
		return
	}
	w.log("rename %d from %d/%s to %d/%s", moved.Ino, from.Ino, name, to.Ino, newName)
	w.move(from, name, to, newName, moved, other)
	w.promises.left(place{from.Ino, name}, moved)
	if other != nil {
		w.log("  over %d", other.Ino)
		w.promises.replaced(place{to.Ino, newName}, other, moved, w.inReach(other))
	}
	w.promises.entered(place{to.Ino, newName}, moved)
}

func (w *world) exchangeTwo() {
	from, name, moved, ok := w.pickEntry()
	to, newName, other, _ := w.pickEntry()
	if !ok || moved == other || !w.fits(moved, to) || !w.fits(other, from) {
		return
	}
	w.log("exchange %d at %d/%s and %d at %d/%s", moved.Ino, from.Ino, name, other.Ino, to.Ino, newName)
	w.journal.exchange(from, name, to, newName, moved, other)
	w.promises.left(place{from.Ino, name}, moved)
	w.promises.left(place{to.Ino, newName}, other)
	w.promises.entered(place{to.Ino, newName}, moved)
	w.promises.entered(place{from.Ino, name}, other)
}

// fits reports whether an inode may be in a directory: that is not itself, nor below it.
func (w *world) fits(n, dir *node) bool {
	for ; dir.Ino != state.RootIno; dir = w.nodes[dir.Parent] {
		if dir == n {
			return false
		}
	}
	return dir != n
}
