package state

import (
	"bytes"
	"maps"
	"slices"

	"clfsload/clfs"
	"clfsload/state/schema"
	"clfsload/state/store"
)

// published is what readers could see.
type published struct {
	seen   map[string]string // id to inode blob, at the last publication's end
	always map[string]string // what could be seen all the time since then
	// between: a publication was begun since, and not ended.
	between bool
}

// watch holds what a reader sees to two promises: between publications nothing
// changes, and during one what stays is never out of reach.
func (w *mountWalk) watch() {
	w.t.Helper()
	_, seen := w.checkReader()
	if !w.between && !maps.Equal(w.seen, seen) {
		w.t.Fatalf("what is published changed without a publication:\n%v\n%v", w.seen, seen)
	}
	maps.DeleteFunc(w.always, func(id, _ string) bool { return seen[id] == "" })
}

// watchEnd is watch at the end of a publication.
func (w *mountWalk) watchEnd() {
	w.t.Helper()
	_, seen := w.checkReader()
	for id, name := range w.seen {
		// What was removed may be back in the place of what is not uploaded yet.
		if seen[id] != "" && w.always[id] == "" && w.isNamed(id) {
			w.t.Fatalf("%s was out of reach for a moment", name)
		}
	}
	w.seen, w.always, w.between = seen, nil, false
}

func (w *mountWalk) isNamed(id string) bool {
	for ino, n := range w.files {
		if n.names > 0 && string(w.id(ino)) == id {
			return true
		}
	}
	return false
}

// checkTree holds the journal's namespace to the model.
func (w *mountWalk) checkTree() {
	w.t.Helper()
	for _, ino := range slices.Sorted(maps.Keys(w.files)) {
		m := w.files[ino]
		n := nodeOf(w.t, w.j, ino)
		links := m.names
		if m.isDir() && m.names > 0 {
			links = 2
			for _, below := range m.entries {
				if w.files[below].isDir() {
					links++
				}
			}
		}
		if int(n.Links) != links || (n.State == Removed) != m.orphan {
			w.t.Fatalf("node %d has %d links in state %d, want %d", ino, n.Links, n.State, links)
		}
		if m.isDir() {
			w.checkList(m)
		} else if !m.orphan {
			w.checkBack(&n)
		}
	}
}

func (w *mountWalk) checkList(m *modelNode) {
	list, err := w.j.List(w.t.Context(), m.ino, 2, 1000)
	w.expect("list", err, nil)
	seen, last := map[string]Ino{}, uint64(2)
	for _, l := range list {
		if l.Cookie <= last {
			w.t.Fatalf("cookie %d after %d", l.Cookie, last)
		}
		seen[string(l.Name)], last = l.Node.Ino, l.Cookie
	}
	if !maps.Equal(seen, m.entries) || len(list) != len(seen) {
		w.t.Fatalf("directory %d lists %v, want %v", m.ino, seen, m.entries)
	}
}

// checkBack: one entry for each link, that of the first name first.
func (w *mountWalk) checkBack(n *Node) {
	back, err := w.j.BackPointers(w.t.Context(), n.Inode)
	w.expect("back pointers", err, nil)
	var want []clfs.ID
	for _, d := range w.files {
		for _, ino := range d.entries {
			if ino == n.Ino {
				want = append(want, w.id(d.ino))
			}
		}
	}
	if first := w.files[n.Parent].entries[string(n.Name)]; first != n.Ino || back[0] != w.id(n.Parent) {
		w.t.Fatalf("first name of node %d is of %d", n.Ino, first)
	}
	if compare := func(a, b clfs.ID) int { return bytes.Compare([]byte(a), []byte(b)) }; !slices.Equal(
		slices.SortedFunc(slices.Values(back), compare), slices.SortedFunc(slices.Values(want), compare)) {
		w.t.Fatalf("node %d has back pointers %v, want %v", n.Ino, back, want)
	}
}

// newestInodes is the inode that a reader finds for each id: the highest version.
func (w *mountWalk) newestInodes() (map[string]*payload, map[string]string) {
	newest, names := map[string]*payload{}, map[string]string{}
	versions := map[string]uint32{}
	for name, b := range w.blobs {
		if b.inode == nil {
			continue
		}
		parsed, err := clfs.ParseName(name)
		w.expect("parse name", err, nil)
		id := string(parsed.ID)
		if parsed.Version == versions[id] {
			w.t.Fatalf("two blobs of one version: %s and %s", name, names[id])
		}
		if parsed.Version > versions[id] {
			newest[id], names[id], versions[id] = b.inode, name, parsed.Version
		}
	}
	return newest, names
}

// checkReader walks the container from its root, as a reader would, and returns
// the names of all blobs that it needs, and the inode blob of each id.
func (w *mountWalk) checkReader() (needed map[string]bool, seen map[string]string) {
	w.t.Helper()
	newest, names := w.newestInodes()
	needed, seen = map[string]bool{}, map[string]string{}
	var visit func(id, path string)
	visit = func(id, path string) {
		p := newest[id]
		if p == nil {
			w.t.Fatalf("%s is listed and has no inode", path)
		}
		if seen[id] != "" {
			return // a link, or while directories change places one below the other
		}
		needed[names[id]] = true
		seen[id] = names[id]
		for name, tag := range p.segments {
			if got, ok := w.blobs[name]; !ok || got.tag != tag {
				w.t.Fatalf("%s: segment %s holds %d (%v), want %d", path, name, got.tag, ok, tag)
			}
			needed[name] = true
		}
		for name, id := range p.children {
			visit(id, path+"/"+name)
		}
	}
	if newest[string(clfs.RootID)] != nil {
		visit(string(clfs.RootID), "")
	}
	return needed, seen
}

// checkNames holds every blob to be known, to the rows or to the garbage.
func (w *mountWalk) checkNames() {
	w.t.Helper()
	known := map[string]bool{}
	garbage, err := store.QueryAll(w.t.Context(), w.j.Read, w.j.ScanGarbage, `SELECT id, name FROM garbage`)
	w.expect("garbage", err, nil)
	for _, g := range garbage {
		for name := range g.Names() {
			if known[name] {
				w.t.Fatalf("%s is garbage twice", name)
			}
			known[name] = true
		}
	}
	nodes, err := w.j.Nodes(w.t.Context(), `SELECT `+schema.NodeColumns+` FROM inode`)
	w.expect("nodes", err, nil)
	for _, n := range nodes {
		list, err := w.j.NamesOf(w.t.Context(), n)
		w.expect("names", err, nil)
		names := slices.Collect(list)
		if n.State != Removed && (n.IsDirectory() || n.Flags&schema.Begun != 0) {
			names = append(names, clfs.ObjectName(n.ID, w.id(n.Parent), n.Attr.Type, n.Version))
		}
		for _, name := range names {
			known[name] = true
		}
	}
	for name := range w.blobs {
		if !known[name] {
			w.t.Fatalf("nothing knows of %s", name)
		}
	}
}

// checkTotals holds the ledger to the rows.
func (w *mountWalk) checkTotals() {
	w.t.Helper()
	var want schema.Counts
	nodes, err := w.j.Nodes(w.t.Context(), `SELECT `+schema.NodeColumns+` FROM inode`)
	w.expect("nodes", err, nil)
	for i := range nodes {
		want.Count(&nodes[i], 1)
	}
	got := w.j.Counts()
	want.Published, want.PublishedAt = got.Published, got.PublishedAt
	if got != want {
		w.t.Fatalf("totals\ngot  %+v\nwant %+v", got, want)
	}
}
