package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"

	"clfsload/clfs"
	"clfsload/clfs/compression"
	"clfsload/state"
	"clfsload/sync/adopt"
	"clfsload/sync/blob"
	"clfsload/sync/blob/faulty"
	"clfsload/sync/blob/mem"
	"clfsload/sync/tree"
)

// Whatever is done to a container that another program has made, by one journal after the
// other, wherever they are cut off: each complete publication leaves what the mount shows, all
// that another program has put and nobody has changed as it was, and nothing else.
func TestAnAdoptedContainerIsWhatIsMadeOfIt(t *testing.T) {
	histories := 16 // CLFSLOAD_WALKS: so many
	if text := os.Getenv("CLFSLOAD_WALKS"); text != "" {
		histories, _ = strconv.Atoi(text)
	}
	first := rand.Uint64()
	if text := os.Getenv("CLFSLOAD_SEED"); text != "" {
		first, _ = strconv.ParseUint(text, 10, 64)
	}
	for i := range histories {
		seed := first + uint64(i)
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { newAdopted(t, seed).run(30) })
	}
}

// adopted is a mount without a kernel of a container that another program has made.
type adopted struct {
	*mount
	r      *rand.Rand
	inner  *guarded
	faulty *faulty.Container
	reader *adopt.Reader
	root   *thing
	saved  *thing // as it was published last
	clean  bool   // nothing has changed since
	synced bool   // nothing has changed in the namespace since the journal was synced
	states int
	count  int
	base   map[string]bool // what is wrong with the container that another program has made
	log    []string
}

func newAdopted(t *testing.T, seed uint64) *adopted {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 5))
	c, root := makeForeign(t, r)
	return newAdoptedOf(t, r, c, root)
}

func newAdoptedOf(t *testing.T, r *rand.Rand, c *mem.Container, root *thing) *adopted {
	t.Helper()
	m := &adopted{mount: &mount{t: t, clock: 1.6e18, broken: map[state.Ino]error{}, opens: map[state.Ino]int{}}, r: r,
		inner: &guarded{Container: c, gone: map[string]bool{}}, root: root, clean: true, synced: true}
	m.saved = root.clone(map[*thing]*thing{})
	m.mend()
	m.base = m.findings()
	m.see(root)
	m.newState()
	t.Cleanup(func() {
		m.journal.Close()
		if t.Failed() {
			t.Log(m.log)
		}
	})
	return m
}

func (m *adopted) note(format string, args ...any) {
	m.log = append(m.log, fmt.Sprintf(format, args...))
}

// mend ends all faults of the container.
func (m *adopted) mend() {
	m.faulty = faulty.New(m.inner)
	m.c = m.faulty
}

// newState adopts the container with a new journal.
func (m *adopted) newState() {
	m.t.Helper()
	m.states++
	if m.journal != nil {
		m.check(m.journal.Close())
	}
	found, err := adopt.Inspect(m.t.Context(), m.newTree(), false)
	m.check(err)
	own := state.Settings{Kind: state.KindMount, Target: "mem", Compression: compression.None, DirMgrCount: clfs.DefaultDirMgrCount,
		MassUUID: "11111111-1111-4111-8111-111111111111", WipeUUID: "22222222-2222-4222-8222-222222222222",
		Key: clfs.Key{byte(m.states), byte(m.r.Uint32()), 3}}
	settings, err := found.Settings(own)
	m.check(err)
	m.dir = filepath.Join(m.t.TempDir(), "state")
	j, err := state.Adopt(m.dir, settings, found.Adoption())
	m.check(err)
	m.root, m.clean, m.synced = m.saved.clone(map[*thing]*thing{}), true, true
	m.use(j)
}

func (m *adopted) newTree() *tree.Tree {
	return tree.New(m.c, tree.Options{TempDir: m.t.TempDir()})
}

// use makes a new engine on a journal, as a process does that starts.
func (m *adopted) use(j *state.Journal) {
	m.t.Helper()
	m.journal = j
	tr := m.newTree()
	m.reader = adopt.New(j, tr, slog.New(slog.DiscardHandler))
	e, err := New(j, m.c, Options{Live: true, Concurrency: 1 + 3*m.r.IntN(2), Memory: MinMemory, Tree: tr}, Events{})
	m.check(err)
	m.engine = e
}

// guarded is a container in which nothing is put that was deleted before.
type guarded struct {
	*mem.Container
	mu    sync.Mutex
	gone  map[string]bool
	inUse map[string]bool // segments and indirect blocks that the root leads to
	wrong []string
}

func (g *guarded) Put(ctx context.Context, name string, data []byte) error {
	g.mu.Lock()
	if g.gone[name] {
		g.wrong = append(g.wrong, name+" is put after it was deleted")
	}
	if before, err := g.Get(ctx, name, 0, -1); g.inUse[name] && err == nil && string(before.Data) != string(data) {
		g.wrong = append(g.wrong, name+" is overwritten, and readers use it")
	}
	g.mu.Unlock()
	return g.Container.Put(ctx, name, data)
}

func (g *guarded) Delete(ctx context.Context, name string) error {
	g.mu.Lock()
	g.gone[name] = true
	g.mu.Unlock()
	return g.Container.Delete(ctx, name)
}

// do makes a system call, and reads what it needs of the container.
func (m *adopted) do(call func() error) error {
	m.t.Helper()
	for range 100 {
		err := call()
		var u *state.Unread
		if !errors.As(err, &u) {
			return err
		}
		if err := m.reader.Read(m.t.Context(), *u); err != nil {
			m.t.Fatalf("read the %s of inode %d: %v", u.Part, u.Ino, err)
		}
	}
	m.t.Fatal("a call is refused again and again")
	return nil
}

// find looks a name up.
func (m *adopted) find(dir state.Ino, name string) (n state.Node, err error) {
	m.t.Helper()
	err = m.do(func() error {
		n, err = m.journal.Lookup(m.t.Context(), dir, []byte(name))
		if errors.Is(err, state.ErrNoEntry) {
			d, dirErr := m.journal.Node(m.t.Context(), dir)
			if dirErr == nil && d.Flags&state.Unlisted != 0 {
				return &state.Unread{Ino: dir, Part: state.Entries}
			}
		}
		if err == nil && n.State == state.Remote {
			return &state.Unread{Ino: n.Ino, Part: state.Attributes}
		}
		return err
	})
	return n, err
}

// spot is a name in a directory.
type spot struct {
	path []string // of the directory
	dir  *thing
	name string
	node *thing // nil: the name is free
}

// spots lists all names, and all directories as places of a free name.
func (m *adopted) spots() (taken, free []spot) {
	var walk func(dir *thing, path []string)
	walk = func(dir *thing, path []string) {
		free = append(free, spot{path, dir, m.name(), nil})
		for _, name := range slices.Sorted(maps.Keys(dir.entries)) {
			n := dir.entries[name]
			taken = append(taken, spot{path, dir, name, n})
			if n.isDir() {
				walk(n, append(slices.Clone(path), name))
			}
		}
	}
	walk(m.root, nil)
	for i := range free {
		free[i].node = free[i].dir.entries[free[i].name]
	}
	return taken, free
}

func (m *adopted) name() string {
	m.count++
	if m.r.IntN(4) == 0 {
		return fmt.Sprint("f", m.r.IntN(6))
	}
	return fmt.Sprint("n", m.count)
}

// any returns a name that a test holds for.
func (m *adopted) any(list []spot, is func(spot) bool) (spot, bool) {
	var good []spot
	for _, s := range list {
		if is == nil || is(s) {
			good = append(good, s)
		}
	}
	if len(good) == 0 {
		return spot{}, false
	}
	return good[m.r.IntN(len(good))], true
}

// directory is the number of the directory of a name.
func (m *adopted) directory(s spot) state.Ino {
	m.t.Helper()
	ino := state.RootIno
	for _, name := range s.path {
		n, err := m.find(ino, name)
		m.check(err)
		ino = n.Ino
	}
	return ino
}

// at returns the node of a name, and holds it to the thing that is there.
func (m *adopted) at(s spot) state.Node {
	m.t.Helper()
	n, err := m.find(m.directory(s), s.name)
	if err != nil {
		m.t.Fatalf("%q/%s: %v", s.path, s.name, err)
	}
	m.checkNode(s, n)
	return n
}

func (m *adopted) checkNode(s spot, n state.Node) {
	m.t.Helper()
	if n.ID != s.node.id || n.Attr.Type != s.node.typ || n.Attr.Mode&0o7777 != s.node.mode || n.Attr.UID != s.node.uid || string(n.Target) != s.node.target {
		m.t.Fatalf("%q/%s: %+v, want %+v", s.path, s.name, n, s.node)
	}
	if !n.IsDirectory() && int(n.Links) != s.node.names {
		m.t.Fatalf("%q/%s has %d links, want %d", s.path, s.name, n.Links, s.node.names)
	}
	if s.node.isFile() && !s.node.open && n.Attr.Size != s.node.size {
		m.t.Fatalf("%q/%s has %d bytes, want %d", s.path, s.name, n.Attr.Size, s.node.size)
	}
}

// list reads all names of a directory.
func (m *adopted) list(dir *thing, ino state.Ino) {
	m.t.Helper()
	m.check(m.do(func() error {
		n, err := m.journal.Node(m.t.Context(), ino)
		if err == nil && n.Flags&state.Unlisted != 0 {
			return &state.Unread{Ino: ino, Part: state.Entries}
		}
		return err
	}))
	list, err := m.journal.List(m.t.Context(), ino, 2, 1000)
	m.check(err)
	got := map[string]clfs.ID{}
	for _, l := range list {
		got[string(l.Name)] = l.Node.ID
	}
	want := map[string]clfs.ID{}
	for name, n := range dir.entries {
		want[name] = n.id
	}
	if !maps.Equal(got, want) || len(list) != len(got) {
		m.t.Fatalf("directory %d lists %v, want %v", ino, got, want)
	}
}

// listAll holds the mount to what it must show.
func (m *adopted) listAll() {
	m.t.Helper()
	taken, _ := m.spots()
	m.list(m.root, state.RootIno)
	for _, s := range taken {
		n := m.at(s)
		if n.IsDirectory() {
			m.list(s.node, n.Ino)
		}
	}
}

func (m *adopted) step() {
	m.t.Helper()
	taken, free := m.spots()
	to, _ := m.any(free, nil)
	if len(taken) == 0 {
		m.create(to)
		return
	}
	from, _ := m.any(taken, nil)
	m.synced = false
	m.clean = false
	switch m.r.IntN(16) {
	case 0, 1:
		m.create(to)
	case 2, 3:
		m.linkTo(from, to)
	case 4, 5:
		m.remove(from)
	case 6, 7, 8:
		other := to
		if m.r.IntN(2) == 0 {
			other, _ = m.any(taken, nil)
		}
		m.move(from, other)
	case 9:
		m.chmodAt(from)
	case 10, 11, 12, 13:
		if f, ok := m.any(taken, func(s spot) bool { return s.node.isFile() }); ok {
			m.writeAt(f)
		}
	case 14:
		if f, ok := m.any(taken, func(s spot) bool { return s.node.isFile() }); ok {
			m.cut(f)
		}
	case 15:
		m.closeAt(taken)
	}
}

func (m *adopted) create(s spot) {
	m.t.Helper()
	typ := []clfs.Type{clfs.TypeDirectory, clfs.TypeRegular, clfs.TypeRegular, clfs.TypeSymlink, clfs.TypeFIFO}[m.r.IntN(5)]
	n := &thing{typ: typ, mode: 0o640, uid: 7, names: 1}
	now := m.now()
	a := state.Attr{Type: typ, Mode: typ.ModeBits() | n.mode, UID: n.uid, Mtime: now, Ctime: now, Atime: now}
	switch typ {
	case clfs.TypeDirectory:
		n.entries = map[string]*thing{}
	case clfs.TypeSymlink:
		n.target = "somewhere"
		a.Size = int64(len(n.target))
	case clfs.TypeRegular:
		n.blocks, n.local, n.segments = map[uint64][]byte{}, map[uint64]bool{0: true}, map[uint64]clfs.ID{}
	}
	dir := m.directory(s)
	m.note("create %s %q/%s", typ, s.path, s.name)
	err := m.do(func() error {
		made, err := m.journal.Add(m.t.Context(), state.Addition{Dir: dir, Name: []byte(s.name), Attr: a, Target: []byte(n.target)})
		n.id = made.ID
		return err
	})
	if s.node != nil {
		m.want(err, state.ErrNameTaken)
		return
	}
	m.want(err, nil)
	s.dir.entries[s.name] = n
	s.dir.changed()
}

// want holds an error to what it must be.
func (m *adopted) want(err, want error) {
	m.t.Helper()
	if !errors.Is(err, want) || want == nil && err != nil {
		m.t.Fatalf("%v, want %v\n%v", err, want, m.log)
	}
}

func (m *adopted) linkTo(from, to spot) {
	m.t.Helper()
	ino, dir := m.at(from).Ino, m.directory(to)
	m.note("link %q/%s to %q/%s", from.path, from.name, to.path, to.name)
	err := m.do(func() error {
		_, err := m.journal.Link(m.t.Context(), ino, dir, []byte(to.name), m.now())
		return err
	})
	switch {
	case from.node.isDir():
		m.want(err, state.ErrIsDirectory)
	case to.node != nil:
		m.want(err, state.ErrNameTaken)
	default:
		m.want(err, nil)
		to.dir.entries[to.name] = from.node
		from.node.names++
		from.node.changed()
		to.dir.changed()
	}
}

func (m *adopted) remove(s spot) {
	m.t.Helper()
	remove := m.journal.Unlink
	if s.node.isDir() {
		remove = m.journal.Rmdir
	}
	dir := m.directory(s)
	m.note("remove %q/%s", s.path, s.name)
	err := m.do(func() error {
		_, err := remove(m.t.Context(), dir, []byte(s.name), m.now(), unused2)
		return err
	})
	if s.node.isDir() && len(s.node.entries) > 0 {
		m.want(err, state.ErrNotEmpty)
		return
	}
	m.want(err, nil)
	delete(s.dir.entries, s.name)
	s.dir.changed()
	m.lost(s.node)
}

func (m *adopted) lost(n *thing) {
	n.names--
	n.changed()
}

func (m *adopted) isBelow(dir, n *thing) bool {
	if dir == n {
		return true
	}
	for _, e := range n.entries {
		if e.isDir() && m.isBelow(dir, e) {
			return true
		}
	}
	return false
}

func (m *adopted) move(from, to spot) {
	m.t.Helper()
	r := state.Rename{From: m.directory(from), Name: []byte(from.name), To: m.directory(to), NewName: []byte(to.name), Now: m.now(),
		InUse: unused2, Exchange: m.r.IntN(4) == 0}
	m.note("move %q/%s to %q/%s %v", from.path, from.name, to.path, to.name, r.Exchange)
	err := m.do(func() error {
		_, _, err := m.journal.Rename(m.t.Context(), r)
		return err
	})
	want := m.refusalOf(from, to, r.Exchange)
	m.want(err, want)
	if want != nil || from.node == to.node {
		return
	}
	from.node.changed()
	from.dir.changed()
	to.dir.changed()
	to.dir.entries[to.name] = from.node
	switch {
	case r.Exchange:
		from.dir.entries[from.name] = to.node
		to.node.changed()
	default:
		delete(from.dir.entries, from.name)
		if to.node != nil {
			m.lost(to.node)
		}
	}
}

func (m *adopted) refusalOf(from, to spot, exchange bool) error {
	switch {
	case to.node == nil && exchange:
		return state.ErrNoEntry
	case from.node == to.node:
		return nil
	case from.dir != to.dir && from.node.isDir() && m.isBelow(to.dir, from.node):
		return state.ErrLoop
	case exchange && from.dir != to.dir && to.node.isDir() && m.isBelow(from.dir, to.node):
		return state.ErrLoop
	case exchange, to.node == nil:
		return nil
	case from.node.isDir() && !to.node.isDir():
		return state.ErrNotDirectory
	case !from.node.isDir() && to.node.isDir():
		return state.ErrIsDirectory
	case to.node.isDir() && len(to.node.entries) > 0:
		return state.ErrNotEmpty
	}
	return nil
}

func (m *adopted) chmodAt(s spot) {
	m.t.Helper()
	ino := m.at(s).Ino
	mode := s.node.typ.ModeBits() | uint32(m.r.IntN(0o1000))
	m.note("chmod %q/%s", s.path, s.name)
	m.want(m.do(func() error {
		_, err := m.journal.SetAttr(m.t.Context(), ino, state.Change{Mode: &mode, Ctime: m.now()})
		return err
	}), nil)
	s.node.mode = mode & 0o7777
	s.node.changed()
}

// begin opens a file for writing.
func (m *adopted) begin(s spot) state.Node {
	m.t.Helper()
	n := m.at(s)
	m.want(m.do(func() error {
		_, err := m.journal.BeginWrite(m.t.Context(), n.Ino)
		return err
	}), nil)
	s.node.open = true
	s.node.changed()
	return n
}

// fetch brings blocks of a file into staging that the journal does not know there.
func (m *adopted) fetch(ino state.Ino, f *thing, blocks ...uint64) {
	m.t.Helper()
	n, rows, err := m.journal.Layout(m.t.Context(), ino)
	m.check(err)
	p := newBlockPlan(n, rows)
	for _, index := range blocks {
		if index >= state.Blocks(f.size) || p.staged(index) {
			continue
		}
		gen, ok := p.uploaded(index)
		if !ok {
			m.t.Fatalf("block %d of inode %d is nowhere", index, ino)
		}
		var data []byte
		if index == 0 {
			data, err = m.engine.Head(m.t.Context(), n)
		} else {
			data, err = m.engine.Block(m.t.Context(), n, index, gen)
		}
		if err != nil {
			m.t.Fatalf("read block %d of %+v: %v\n%v", index, n, err, m.log)
		}
		got, want := make([]byte, len(f.block(index))), f.block(index)
		copy(got, data)
		if string(got) != string(want) {
			m.t.Fatalf("block %d of inode %d: %d bytes are not those that were written\n%v", index, ino, len(data), m.log)
		}
		f.local[index] = true
	}
}

// writeAt changes a block of a file.
func (m *adopted) writeAt(s spot) {
	m.t.Helper()
	f := s.node
	last := state.Blocks(f.size) - 1
	index := last
	if m.r.IntN(6) == 0 {
		index = m.r.Uint64N(last + 1)
	}
	if m.r.IntN(8) == 0 && last < 2 {
		index = last + 1
	}
	ino := m.begin(s).Ino
	m.write1(ino, f, index, m.r.IntN(200), m.random(1+m.r.IntN(50)))
	m.note("write %q/%s block %d of %d", s.path, s.name, index, state.Blocks(f.size))
	if m.r.IntN(3) > 0 {
		m.end(ino, f)
	}
}

func (m *adopted) random(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(1 + m.r.IntN(255))
	}
	return b
}

// write1 writes within a block.
func (m *adopted) write1(ino state.Ino, f *thing, index uint64, at int, data []byte) {
	m.t.Helper()
	offset, _ := state.BlockRange(index)
	last := state.Blocks(f.size) - 1
	dirty := []uint64{index}
	for i := last; i < index; i++ { // what lies between is in staging, as a hole
		dirty = append(dirty, i)
	}
	m.fetch(ino, f, dirty...)
	for i := last + 1; i <= index; i++ {
		f.local[i] = true
	}
	m.check(m.journal.DirtyBlocks(m.t.Context(), ino, dirty))
	for _, i := range dirty {
		delete(f.segments, i)
	}
	block := f.blocks[index]
	if grown := at + len(data); len(block) < grown {
		block = append(block, make([]byte, grown-len(block))...)
	}
	copy(block[at:], data)
	f.blocks[index] = block
	f.size = max(f.size, offset+int64(at+len(data)))
}

func (m *adopted) end(ino state.Ino, f *thing) {
	m.t.Helper()
	now := m.now()
	_, err := m.journal.EndWrite(m.t.Context(), ino, state.Written{Size: f.size, Mtime: now, Ctime: now})
	m.check(err)
	f.open = false
}

// cut sets the size of a file.
func (m *adopted) cut(s spot) {
	m.t.Helper()
	f := s.node
	last := state.Blocks(f.size) - 1
	block := m.r.Uint64N(last + 1)
	if m.r.IntN(2) == 0 {
		block = last - min(last, uint64(m.r.IntN(3)))
	}
	if m.r.IntN(10) == 0 {
		block = last + 1
	}
	offset, length := state.BlockRange(block)
	size := offset + int64(m.r.IntN(300))
	if m.r.IntN(6) == 0 && block < last {
		size = offset + length
	}
	ino := m.begin(s).Ino
	m.note("truncate %q/%s from %d to %d", s.path, s.name, f.size, size)
	m.setSize(ino, f, size)
	if m.r.IntN(3) > 0 {
		m.end(ino, f)
	}
}

func (m *adopted) setSize(ino state.Ino, f *thing, size int64) {
	m.t.Helper()
	end := state.Blocks(size) - 1
	last := state.Blocks(f.size) - 1
	m.fetch(ino, f, min(end, last), last)
	now := m.now()
	_, err := m.journal.Truncate(m.t.Context(), ino, size, now)
	m.check(err)
	for i := range f.blocks {
		if i > end {
			delete(f.blocks, i)
		}
	}
	for i := range f.segments {
		if i >= end {
			delete(f.segments, i)
		}
	}
	for i := last + 1; i <= end; i++ {
		f.local[i] = true
	}
	delete(f.segments, last)
	offset, _ := state.BlockRange(end)
	if keep := max(size-offset, 0); int64(len(f.blocks[end])) > keep {
		f.blocks[end] = f.blocks[end][:keep:keep]
	}
	f.size = size
}

func (m *adopted) closeAt(list []spot) {
	m.t.Helper()
	for _, s := range list {
		if s.node.open {
			m.end(m.at(s).Ino, s.node)
		}
	}
}

// Open implements Source.
func (m *adopted) Open(row state.Node, _ string) (File, error) {
	ino := row.Ino
	n, err := m.journal.Node(context.Background(), ino)
	if err != nil {
		return nil, err
	}
	if found := m.root.find(n.ID); found != nil {
		return &stagedThing{found}, nil
	}
	return nil, os.ErrNotExist
}

// find returns the thing of an id below a directory, or nil.
func (n *thing) find(id clfs.ID) *thing {
	for _, e := range n.entries {
		if e.id == id {
			return e
		}
		if found := e.find(id); found != nil {
			return found
		}
	}
	return nil
}

type stagedThing struct{ *thing }

func (f *stagedThing) Close() error { return nil }

var errNotStaged = errors.New("this block is not in staging")

func (f *stagedThing) ReadAt(p []byte, off int64) (n int, err error) {
	for n < len(p) {
		if off >= f.size {
			return n, io.EOF
		}
		index := state.Blocks(off+1) - 1
		offset, _ := state.BlockRange(index)
		if !f.local[index] {
			return n, fmt.Errorf("%w: %d", errNotStaged, index)
		}
		got := copy(p[n:], f.block(index)[off-offset:])
		n, off = n+got, off+int64(got)
	}
	return n, nil
}

// uploads uploads what is closed.
func (m *adopted) uploads() error {
	m.t.Helper()
	m.settle()
	if err := m.engine.Begin(m.t.Context()); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(m.t.Context())
	ended := make(chan error, 1)
	go func() {
		err := m.engine.Upload(ctx, m, nil)
		ended <- err
		cancel(err)
	}()
	err := m.engine.WaitUploaded(ctx, m.journal.Seq())
	cancel(errEnough)
	if run := <-ended; !errors.Is(run, errEnough) {
		return run
	}
	return err
}

// evictSome takes files out of staging.
func (m *adopted) evictSome() {
	m.t.Helper()
	list, err := m.journal.Evictable(m.t.Context(), 1+m.r.IntN(20))
	m.check(err)
	for _, n := range list {
		gone, err := m.journal.Evict(m.t.Context(), []state.Settled{{Ino: n.Ino, Seq: n.Seq}})
		m.check(err)
		taken, _ := m.spots()
		for _, s := range taken {
			if len(gone) > 0 && s.node.id == n.ID {
				clear(s.node.local)
			}
		}
	}
}

// drop forgets what was only read.
func (m *adopted) drop() {
	m.t.Helper()
	if m.r.IntN(3) > 0 {
		m.evictSome() // what is in staging stays
	}
	list, err := m.journal.Listings(m.t.Context(), 0, 1000)
	m.check(err)
	some := m.r.IntN(3)
	for _, dir := range list {
		if some == 0 && m.r.IntN(3) > 0 {
			continue
		}
		_, err := m.reader.Drop(m.t.Context(), dir, nil, func(state.Ino) bool { return some == 1 && m.r.IntN(4) == 0 })
		if !errors.Is(err, state.ErrNoEntry) { // it was dropped itself
			m.check(err)
		}
	}
	m.note("drop")
}

var errCut = errors.New("the container is out of reach")

// breakRequest lets one of the next requests fail.
func (m *adopted) breakRequest() {
	method := []faulty.Method{faulty.Put, faulty.Put, faulty.Put, faulty.Delete, faulty.Get, faulty.List}[m.r.IntN(6)]
	m.faulty.On(method, faulty.Fault{Err: errCut, After: m.r.IntN(2) == 0, Skip: m.r.IntN(7)})
}

// restart is the death of a process and the start of another one. What is acknowledged is in
// the redo log.
func (m *adopted) restart(power bool) {
	m.t.Helper()
	dir := filepath.Join(m.t.TempDir(), "state")
	m.check(os.CopyFS(dir, os.DirFS(m.dir)))
	m.check(os.Chmod(dir, 0o700))
	if power {
		m.forgetUnsynced(dir)
	}
	m.check(m.journal.Close())
	m.dir = dir
	j, err := state.Open(dir)
	m.check(err)
	m.mend()
	m.use(j)
	_, err = j.Recover(m.t.Context(), power, m.stagedSize)
	m.check(err)
	_, err = j.AcceptIncomplete(m.t.Context())
	m.check(err)
	taken, _ := m.spots()
	for _, s := range taken {
		s.node.open = false
	}
	m.synced = false
	m.note("restart %v", power)
}

// forgetUnsynced takes away what a power cut may take of a journal.
func (m *adopted) forgetUnsynced(dir string) {
	m.t.Helper()
	var boot string
	var salt uint64
	var written, synced int64
	note := filepath.Join(dir, "journal.log-end")
	text, err := os.ReadFile(note)
	m.check(err)
	_, err = fmt.Sscanf(string(text), "%s %x %x %x", &boot, &salt, &written, &synced)
	m.check(err)
	m.check(os.Remove(note))
	logs, err := filepath.Glob(filepath.Join(dir, "*-wal"))
	m.check(err)
	m.check(os.Truncate(logs[0], synced))
	m.check(os.Truncate(filepath.Join(dir, "journal.redo"), 0))
}

func (m *adopted) stagedSize(ino state.Ino) (size, mtime int64, ok bool) {
	f, err := m.Open(state.Node{Inode: state.Inode{Ino: ino}}, "")
	if err != nil {
		return 0, 0, false
	}
	return f.(*stagedThing).size, m.now(), true
}

// publish publishes all that is there, and holds the container to it.
func (m *adopted) publish() {
	m.t.Helper()
	taken, _ := m.spots()
	m.closeAt(taken)
	m.check(m.uploads())
	r, err := m.engine.PublishMount(m.t.Context())
	m.check(err)
	m.note("publish")
	if r.LeftOut+r.KeptOld > 0 {
		m.t.Fatalf("publication: %+v\n%v", r, m.log)
	}
	m.check(m.engine.Collect(m.t.Context()))
	unused(m.t, m.engine)
	m.see(m.root)
	if m.t.Failed() {
		return
	}
	m.saved, m.clean = m.root.clone(map[*thing]*thing{}), true
	for finding := range m.findings() {
		if !m.base[finding] {
			m.t.Errorf("after a publication: %s", finding)
		}
	}
}

// attempt uploads and publishes until a request fails.
func (m *adopted) attempt() {
	m.t.Helper()
	m.clean = false
	m.breakRequest()
	err := m.uploads()
	if err == nil && m.r.IntN(4) > 0 {
		_, err = m.engine.PublishMount(m.t.Context())
	}
	m.note("attempt: %v", err)
	if err != nil && !errors.Is(err, errCut) && !errors.Is(err, ErrNotUploaded) {
		m.t.Fatalf("a request fails: %v", err)
	}
	m.whole()
	if m.r.IntN(3) > 0 {
		m.restart(false)
		return
	}
	m.mend()
	m.use(m.journal)
}

func (m *adopted) round() {
	m.t.Helper()
	switch m.r.IntN(14) {
	default:
		m.step()
	case 0:
		m.publish()
	case 1, 2:
		m.attempt()
	case 3:
		m.drop()
	case 4:
		m.evictSome()
	case 5:
		m.restart(false)
	case 6:
		m.check(m.journal.Sync(m.t.Context()))
		m.synced = true
	case 7:
		if m.clean {
			m.newState()
			m.note("new state")
		}
	case 8:
		if m.synced {
			m.restart(true)
		}
	}
	if len(m.inner.wrong) > 0 {
		m.t.Fatalf("%q\n%v", m.inner.wrong, m.log)
	}
}

func (m *adopted) run(rounds int) {
	for range rounds {
		if m.round(); m.t.Failed() {
			return
		}
	}
	m.publish()
	m.listAll()
	m.drop()
	m.listAll()
	m.newState()
	m.listAll()
	m.publish()
}

var _ blob.Container = (*guarded)(nil)
