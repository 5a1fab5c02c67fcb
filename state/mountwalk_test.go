package state

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"clfsload/clfs"
	"clfsload/state/contents"
)

// mountWalk does random things to the journal of a mount, in the way that the file
// system, the engine and a publication do, and knows what should come of it.
type mountWalk struct {
	t     testing.TB
	j     *Journal
	r     *rand.Rand
	files map[Ino]*modelNode // everything that has a name or is in use
	tags  int
	engine
	published
}

// modelNode is a node as the walk believes it to be.
type modelNode struct {
	ino      Ino
	typ      clfs.Type
	names    int
	entries  map[string]Ino // of a directory
	parent   Ino            // of a directory
	open     bool           // a writer has it open
	orphan   bool
	written  bool // since it was opened
	size     int64
	contents map[uint64]int  // a tag for what each block holds
	local    map[uint64]bool // whether it is in staging
	wasCut   bool
}

func newMountWalk(t testing.TB, seed uint64) *mountWalk {
	w := &mountWalk{t: t, j: newMount(t), r: rand.New(rand.NewPCG(seed, 2)), files: map[Ino]*modelNode{}}
	w.files[RootIno] = &modelNode{ino: RootIno, typ: clfs.TypeDirectory, entries: map[string]Ino{}, names: 1, parent: RootIno}
	w.engine = newEngine()
	return w
}

func (w *mountWalk) newTag() int { w.tags++; return w.tags }

// pick returns one of the nodes that a test holds for, or nil.
func (w *mountWalk) pick(is func(*modelNode) bool) *modelNode {
	var list []*modelNode
	for _, ino := range slices.Sorted(maps.Keys(w.files)) {
		if n := w.files[ino]; is(n) {
			list = append(list, n)
		}
	}
	if len(list) == 0 {
		return nil
	}
	return list[w.r.IntN(len(list))]
}

func (n *modelNode) isDir() bool  { return n.typ == clfs.TypeDirectory }
func (n *modelNode) isFile() bool { return n.typ == clfs.TypeRegular }

func (w *mountWalk) dir() *modelNode {
	return w.pick(func(n *modelNode) bool { return n.isDir() && n.names > 0 })
}

func (w *mountWalk) name() string { return fmt.Sprint("n", w.r.IntN(6)) }

// place returns a directory and a name, half the time one that is taken.
func (w *mountWalk) place() (*modelNode, string) {
	d := w.dir()
	names := slices.Sorted(maps.Keys(d.entries))
	if len(names) > 0 && w.r.IntN(4) > 0 {
		return d, names[w.r.IntN(len(names))]
	}
	return d, w.name()
}

func (w *mountWalk) inUse(ino Ino) bool {
	n := w.files[ino]
	return n != nil && n.open
}

// expect holds an error to what the model says.
func (w *mountWalk) expect(what string, err, want error) {
	w.t.Helper()
	if !errors.Is(err, want) || want == nil && err != nil {
		w.t.Fatalf("%s: %v, want %v", what, err, want)
	}
}

func (w *mountWalk) add() {
	d, name := w.dir(), w.name()
	a := regular
	switch w.r.IntN(4) {
	case 0:
		a = directory
	case 1:
		a = Attr{Type: clfs.TypeSymlink, Mode: 0o120777, Size: 1}
	}
	open := a.Type == clfs.TypeRegular && w.r.IntN(2) == 0
	n, err := w.j.Add(w.t.Context(), Addition{Dir: d.ino, Name: []byte(name), Attr: a, Target: []byte("t"), Open: open})
	if _, taken := d.entries[name]; taken {
		w.expect("add", err, ErrNameTaken)
		return
	}
	w.expect("add", err, nil)
	m := &modelNode{ino: n.Ino, typ: a.Type, names: 1, open: open, written: open}
	if m.isDir() {
		m.entries, m.parent = map[string]Ino{}, d.ino
	}
	if m.isFile() {
		m.contents, m.local = map[uint64]int{0: w.newTag()}, map[uint64]bool{0: true}
	}
	w.files[n.Ino] = m
	d.entries[name] = n.Ino
}

func (w *mountWalk) link() {
	n := w.pick(func(n *modelNode) bool { return !n.isDir() && n.names > 0 })
	if n == nil {
		return
	}
	d, name := w.dir(), w.name()
	_, err := w.j.Link(w.t.Context(), n.ino, d.ino, []byte(name), 7)
	if _, taken := d.entries[name]; taken {
		w.expect("link", err, ErrNameTaken)
		return
	}
	w.expect("link", err, nil)
	d.entries[name] = n.ino
	n.names++
}

// drop takes a name away from the model's node.
func (w *mountWalk) drop(n *modelNode) {
	n.names--
	if n.names > 0 {
		return
	}
	if n.orphan = n.open; !n.open {
		delete(w.files, n.ino)
	}
}

func (w *mountWalk) remove() {
	d, name := w.place()
	ino, known := d.entries[name]
	n := w.files[ino]
	if !known {
		_, err := w.j.Unlink(w.t.Context(), d.ino, []byte(name), 8, w.inUse)
		w.expect("unlink", err, ErrNoEntry)
		return
	}
	if !n.isDir() {
		_, err := w.j.Rmdir(w.t.Context(), d.ino, []byte(name), 8, w.inUse)
		w.expect("rmdir of a file", err, ErrNotDirectory)
		after, err := w.j.Unlink(w.t.Context(), d.ino, []byte(name), 8, w.inUse)
		w.expect("unlink", err, nil)
		if after.Links != uint32(n.names-1) {
			w.t.Fatalf("unlink left %d links of %d", after.Links, n.names)
		}
	} else {
		_, err := w.j.Rmdir(w.t.Context(), d.ino, []byte(name), 8, w.inUse)
		if len(n.entries) > 0 {
			w.expect("rmdir", err, ErrNotEmpty)
			return
		}
		w.expect("rmdir", err, nil)
	}
	delete(d.entries, name)
	w.drop(n)
}

// isBelow reports whether a directory is n or below it.
func (w *mountWalk) isBelow(dir Ino, n *modelNode) bool {
	for ; dir != RootIno; dir = w.files[dir].parent {
		if dir == n.ino {
			return true
		}
	}
	return n.ino == RootIno
}

func (w *mountWalk) rename() {
	from, name := w.place()
	to, newName := w.place()
	r := Rename{From: from.ino, Name: []byte(name), To: to.ino, NewName: []byte(newName), Now: 9, InUse: w.inUse,
		NoReplace: w.r.IntN(8) == 0, Exchange: w.r.IntN(4) == 0}
	r.NoReplace = r.NoReplace && !r.Exchange
	_, _, err := w.j.Rename(w.t.Context(), r)
	moved, other := w.files[from.entries[name]], w.files[to.entries[newName]]
	want := w.refusal(moved, other, from, to, &r)
	w.expect(fmt.Sprintf("rename %d/%s to %d/%s", from.ino, name, to.ino, newName), err, want)
	if want != nil || moved == other {
		return
	}
	if r.Exchange {
		from.entries[name], to.entries[newName] = other.ino, moved.ino
		other.parent = from.ino
	} else {
		delete(from.entries, name)
		to.entries[newName] = moved.ino
		if other != nil {
			w.drop(other)
		}
	}
	moved.parent = to.ino
}

// refusal is what a rename is to answer.
func (w *mountWalk) refusal(moved, other, from, to *modelNode, r *Rename) error {
	switch {
	case moved == nil || other == nil && r.Exchange:
		return ErrNoEntry
	case moved == other:
		return nil
	case other != nil && r.NoReplace:
		return ErrNameTaken
	case from != to && moved.isDir() && w.isBelow(to.ino, moved):
		return ErrLoop
	case r.Exchange && from != to && other.isDir() && w.isBelow(from.ino, other):
		return ErrLoop
	case other == nil || r.Exchange:
		return nil
	case moved.isDir() && !other.isDir():
		return ErrNotDirectory
	case !moved.isDir() && other.isDir():
		return ErrIsDirectory
	case other.isDir() && len(other.entries) > 0:
		return ErrNotEmpty
	}
	return nil
}

func (w *mountWalk) setAttr() {
	n := w.pick(func(n *modelNode) bool { return n.names > 0 })
	uid := uint32(w.r.IntN(100))
	_, err := w.j.SetAttr(w.t.Context(), n.ino, Change{UID: &uid, Ctime: 10})
	w.expect("set attributes", err, nil)
}

// write changes one block of a file, as a writer does.
func (w *mountWalk) write() {
	n := w.pick((*modelNode).isFile)
	if n == nil {
		return
	}
	w.beginWrite(n)
	last := Blocks(n.size) - 1
	index := w.r.Uint64N(last + 2)
	offset, length := BlockRange(index)
	if w.r.IntN(3) == 0 {
		length /= 2
	}
	dirty := []uint64{index}
	if index > last && contents.IsPartial(last, n.size) {
		dirty = append(dirty, last)
	}
	w.fetch(n, dirty)
	w.expect("dirty blocks", w.j.DirtyBlocks(w.t.Context(), n.ino, dirty), nil)
	for _, i := range dirty {
		n.contents[i], n.local[i] = w.newTag(), true
	}
	n.size = max(n.size, offset+length)
	if offset, length := BlockRange(index); index > 0 && n.size >= offset+length && w.r.IntN(2) == 0 {
		w.expect("queue block", w.j.QueueBlock(w.t.Context(), n.ino, index), nil)
	}
}

func (w *mountWalk) beginWrite(n *modelNode) {
	n.open = true
	if !n.written {
		_, err := w.j.BeginWrite(w.t.Context(), n.ino)
		w.expect("begin to write", err, nil)
		n.written = true
	}
}

func (w *mountWalk) truncate() {
	n := w.pick((*modelNode).isFile)
	if n == nil {
		return
	}
	w.beginWrite(n)
	offset, length := BlockRange(w.r.Uint64N(5))
	size := offset + []int64{0, length / 2, length}[w.r.IntN(3)]
	old, cut := Blocks(n.size)-1, Blocks(size)-1
	if size < n.size {
		old = cut
	}
	w.fetch(n, []uint64{min(old, Blocks(n.size)-1), min(cut, Blocks(n.size)-1)})
	_, err := w.j.Truncate(w.t.Context(), n.ino, size, 11)
	w.expect("truncate", err, nil)
	for i := range n.contents {
		if i > cut {
			delete(n.contents, i)
			delete(n.local, i)
		}
	}
	for i := range cut + 1 {
		_, known := n.contents[i]
		changes := i == cut && contents.IsPartial(cut, size) && size != n.size || i == old && size > n.size && contents.IsPartial(old, n.size)
		if !known || changes {
			n.contents[i], n.local[i] = w.newTag(), true
		}
	}
	n.size = size
}

func (w *mountWalk) close() {
	if n := w.pick(func(n *modelNode) bool { return n.open }); n != nil {
		w.closeNode(n)
	}
}

func (w *mountWalk) closeNode(n *modelNode) {
	if n.written {
		_, err := w.j.EndWrite(w.t.Context(), n.ino, Written{Size: n.size, Mtime: 12, Ctime: 12})
		w.expect("end writing", err, nil)
		n.wasCut = false
	}
	n.open, n.written = false, false
	if n.orphan {
		w.expect("disown", w.j.Disown(w.t.Context(), n.ino), nil)
		delete(w.files, n.ino)
	}
}

func (w *mountWalk) settle() {
	list, err := w.j.Unsettled(w.t.Context(), 0, 1000)
	w.expect("unsettled", err, nil)
	var settled []Settled
	for _, n := range list {
		if w.r.IntN(2) == 0 {
			settled = append(settled, Settled{Ino: n.Ino, Seq: n.Seq})
		}
	}
	w.expect("settle", w.j.Settle(w.t.Context(), settled), nil)
}

// crash ends all that is under way, and starts again with the journal that a process
// leaves which is killed.
func (w *mountWalk) crash() {
	w.forgetWork()
	dir := image(w.t, w.j)
	w.expect("close", w.j.Close(), nil)
	w.j = openedImage(w.t, dir)
	cut := 0
	for _, ino := range slices.Sorted(maps.Keys(w.files)) {
		n := w.files[ino]
		if !n.open {
			continue
		}
		if n.orphan {
			delete(w.files, ino)
			continue
		}
		if n.written && !n.wasCut {
			cut++
			n.wasCut = true
		}
		n.open, n.written = false, false
	}
	got, err := w.j.Recover(w.t.Context(), false, func(ino Ino) (int64, int64, bool) {
		n := w.files[ino]
		// What resize dirties at the ends has to be there.
		w.fetch(n, []uint64{Blocks(n.size) - 1})
		return n.size, 13, true
	})
	w.expect("recover", err, nil)
	if got != cut {
		w.t.Fatalf("%d files became incomplete, want %d", got, cut)
	}
	if w.r.IntN(2) == 0 {
		w.accept()
	}
}

func (w *mountWalk) accept() {
	_, err := w.j.AcceptIncomplete(w.t.Context())
	w.expect("accept", err, nil)
	for _, n := range w.files {
		n.wasCut = false
	}
}

func (w *mountWalk) id(ino Ino) clfs.ID { return nodeOf(w.t, w.j, ino).ID }
