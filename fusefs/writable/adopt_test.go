package writable

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/hanwen/go-fuse/v2/fuse"

	"clfsload/clfs"
	"clfsload/fusefs/writable/adopted"
	"clfsload/state"
)

// fakeAdopter has a container in memory.
type fakeAdopter struct {
	j *state.Journal

	mu     sync.Mutex
	dirs   map[state.Ino][]state.AdoptedEntry
	back   map[state.Ino][]clfs.ID
	broken map[state.Unread]error
	reads  []state.Unread
	before func(state.Unread)   // called before something is read
	moved  bool                 // what is read is never there
	drops  func()               // called when entries are about to be dropped, if it is not nil
	inUse  func(state.Ino) bool // of the last drop
}

const adoptedContainer = 1

func handleOf(typ clfs.Type, number uint64) clfs.ID {
	return clfs.Handle{ContainerID: adoptedContainer, Type: typ, Sequence: number, Random: 5}.ID()
}

// add adds an entry to a directory.
func (a *fakeAdopter) add(dir state.Ino, name string, typ clfs.Type, number uint64) state.Ino {
	a.dirs[dir] = append(a.dirs[dir], state.AdoptedEntry{Name: []byte(name), ID: handleOf(typ, number), Type: typ})
	return state.Ino(number)
}

func (a *fakeAdopter) Read(ctx context.Context, u state.Unread) error {
	a.mu.Lock()
	a.reads = append(a.reads, u)
	err, before := a.broken[u], a.before
	a.mu.Unlock()
	if before != nil {
		before(u)
	}
	if err != nil || a.moved {
		return err
	}
	switch u.Part {
	case state.Attributes:
		return a.attributes(ctx, u.Ino)
	case state.Entries:
		return a.entries(ctx, u.Ino)
	}
	list, err := a.j.Backlinks(ctx, u.Ino)
	if err != nil || len(list) == 0 {
		return err
	}
	n, err := a.j.NodeOf(ctx, list[0].Dir)
	if err != nil {
		return err
	}
	return a.entries(ctx, n.Ino)
}

func (a *fakeAdopter) attributes(ctx context.Context, ino state.Ino) error {
	n, err := a.j.Node(ctx, ino)
	if err != nil {
		return err
	}
	attr := state.Attr{Type: n.Attr.Type, Mode: n.Attr.Type.ModeBits() | 0o755, Mtime: 1e18, Ctime: 1e18, Atime: 1e18}
	return a.j.AdoptNode(ctx, ino, state.AdoptedNode{Attr: attr, Version: 9, Back: a.back[ino]})
}

func (a *fakeAdopter) entries(ctx context.Context, ino state.Ino) error {
	n, err := a.j.Node(ctx, ino)
	if err == nil && n.State == state.Remote {
		err = a.attributes(ctx, ino)
	}
	for page := range slices.Chunk(a.dirs[ino], 3) {
		err = errors.Join(err, a.j.AdoptEntries(ctx, ino, page))
	}
	return errors.Join(err, a.j.EndListing(ctx, ino))
}

func (a *fakeAdopter) Drop(ctx context.Context, dir state.Ino, after []byte, inUse func(state.Ino) bool) (state.Dropped, error) {
	a.inUse = inUse
	if a.drops != nil {
		a.drops()
	}
	return a.j.DropEntries(ctx, dir, after, inUse)
}

// took returns what was read since it was asked last.
func (a *fakeAdopter) took() []state.Unread {
	a.mu.Lock()
	defer a.mu.Unlock()
	reads := a.reads
	a.reads = nil
	return reads
}

// newAdoptedKernel is newKernel with a container that was there before.
func newAdoptedKernel(t *testing.T) (*kernel, *fakeAdopter) {
	t.Helper()
	k := &kernel{t: t, dir: filepath.Join(t.TempDir(), "state"), log: &bytes.Buffer{}}
	root := state.Attr{Type: clfs.TypeDirectory, Mode: 0o40755, Mtime: 1e18, Ctime: 1e18, Atime: 1e18}
	j, err := state.Adopt(k.dir, state.Settings{Kind: state.KindMount, Adopted: true, Target: "dir:/target", DirMgrCount: 48, ContainerID: adoptedContainer,
		Range: 1, PreserveHardlinks: true, RootName: "r", BucketUUID: "b", MassUUID: "m", WipeUUID: "w", Key: clfs.Key{1}},
		state.Adoption{Root: state.AdoptedNode{Attr: root, Version: 9}})
	if err != nil {
		t.Fatal(err)
	}
	a := &fakeAdopter{j: j, dirs: map[state.Ino][]state.AdoptedEntry{}, back: map[state.Ino][]clfs.ID{}, broken: map[state.Unread]error{}}
	k.setOptions(func(o *Options) { o.Adopter, o.MostAdopted = a, 1 })
	k.start(j)
	t.Cleanup(func() { k.stop() })
	return k, a
}

// Somebody else may read a directory while a name in it is looked up: that it is not there yet must not be
// taken for a name that does not exist, which the kernel would believe for ever.
func TestANameIsNotMissingWhileItsDirectoryIsRead(t *testing.T) {
	k, a := newAdoptedKernel(t)
	const dirs = 400
	for i := range uint64(dirs) {
		dir := a.add(state.RootIno, fmt.Sprint("d", i), clfs.TypeDirectory, 2000+i)
		for f := range uint64(5) {
			a.add(dir, fmt.Sprint("f", f), clfs.TypeFIFO, 10000+10*i+f)
		}
	}
	for i := range uint64(dirs) {
		dir, status := k.lookup(rootNode, fmt.Sprint("d", i))
		k.ok("lookup", status)
		var g sync.WaitGroup
		g.Go(func() {
			if err := a.Read(t.Context(), state.Unread{Ino: state.Ino(dir.NodeId), Part: state.Entries}); err != nil {
				t.Error(err)
			}
		})
		for range 3 {
			g.Go(func() {
				if _, status := k.lookup(dir.NodeId, "f4"); status != fuse.OK {
					t.Errorf("directory %d: %v", i, status)
				}
			})
		}
		g.Wait()
	}
}

// look looks a name up that must be there.
func (k *kernel) look(dir uint64, name string) uint64 {
	k.t.Helper()
	out, status := k.lookup(dir, name)
	k.ok("lookup "+name, status)
	return out.NodeId
}

func TestADirectoryThatCannotBeReadHidesNothing(t *testing.T) {
	k, a := newAdoptedKernel(t)
	a.add(state.RootIno, "f", clfs.TypeFIFO, 2000)
	root := state.Unread{Ino: state.RootIno, Part: state.Entries}
	a.broken[root] = errors.New("out of reach")
	h := header(rootNode)
	for _, name := range []string{"f", "nothing"} {
		var out fuse.EntryOut
		if status := k.fs.Lookup(nil, &h, name, &out); status != fuse.EIO || out.EntryValid != 0 {
			t.Errorf("lookup of %s: %v, valid for %d s", name, status, out.EntryValid)
		}
	}
	delete(a.broken, root)
	k.look(rootNode, "f")
	var out fuse.EntryOut
	if status := k.fs.Lookup(nil, &h, "nothing", &out); status != fuse.OK || out.NodeId != 0 || out.EntryValid == 0 {
		t.Errorf("lookup of nothing: %v, %+v", status, out)
	}
}

func TestACallThatIsRefusedAgainAndAgainEnds(t *testing.T) {
	k, a := newAdoptedKernel(t)
	a.moved = true
	if _, status := k.lookup(rootNode, "f"); status != fuse.EIO {
		t.Errorf("lookup: %v", status)
	}
	if n := len(a.took()); n > adopted.MostReadings {
		t.Errorf("%d readings", n)
	}
}

// Whoever waits for the container can be killed, and the reading goes on for the others.
func TestACallerThatDiesIsLetGo(t *testing.T) {
	k, a := newAdoptedKernel(t)
	a.add(state.RootIno, "f", clfs.TypeFIFO, 2000)
	began, goOn := make(chan struct{}), make(chan struct{})
	var once sync.Once
	a.before = func(state.Unread) {
		once.Do(func() { close(began) })
		<-goOn
	}
	cancel, ended := make(chan struct{}), make(chan fuse.Status, 1)
	go func() {
		h := header(rootNode)
		ended <- k.fs.Lookup(cancel, &h, "f", &fuse.EntryOut{})
	}()
	<-began
	close(cancel)
	if status := <-ended; status == fuse.OK {
		t.Error("the lookup has ended well")
	}
	close(goOn)
	k.look(rootNode, "f")
}

// names lists a directory, with attributes or without.
func (k *kernel) names(dir uint64, plus bool) []string {
	k.t.Helper()
	var open fuse.OpenOut
	k.ok("opendir", k.fs.OpenDir(nil, &fuse.OpenIn{InHeader: header(dir)}, &open))
	defer k.fs.ReleaseDir(&fuse.ReleaseIn{InHeader: header(dir), Fh: open.Fh})
	read := k.fs.ReadDir
	if plus {
		read = k.fs.ReadDirPlus
	}
	buf := make([]byte, 1<<16)
	k.ok("readdir", read(nil, &fuse.ReadIn{InHeader: header(dir), Fh: open.Fh, Size: uint32(len(buf))}, fuse.NewDirEntryList(buf, 0)))
	list, err := k.fs.journal.List(k.t.Context(), state.Ino(dir), behindParent, 1000)
	if err != nil {
		k.t.Fatal(err)
	}
	var names []string
	for _, l := range list {
		if !bytes.Contains(buf, l.Name) {
			k.t.Errorf("%s is not listed", l.Name)
		}
		names = append(names, string(l.Name))
	}
	return names
}

// A listing reads no inodes, and the kernel knows those alone of which it was told.
func TestAListingReadsNoInodes(t *testing.T) {
	k, a := newAdoptedKernel(t)
	first := a.add(state.RootIno, "first", clfs.TypeFIFO, 2000)
	second := a.add(state.RootIno, "second", clfs.TypeDirectory, 2001)
	for _, plus := range []bool{false, true} {
		if names := k.names(rootNode, plus); !slices.Equal(names, []string{"first", "second"}) {
			t.Errorf("names %q", names)
		}
	}
	if reads := a.took(); !slices.Equal(reads, []state.Unread{{Ino: state.RootIno, Part: state.Entries}}) {
		t.Errorf("reads %v", reads)
	}
	k.look(rootNode, "first")
	k.names(rootNode, true)
	k.useOtherDirectories()
	k.dropRoot()
	if !a.inUse(first) || a.inUse(second) {
		t.Error("the kernel knows what it was not told of, or not what it was")
	}
}

// The kernel counts how often it was told of an inode, and forgets it by numbers.
func TestWhatTheKernelKnowsStaysInTheJournal(t *testing.T) {
	k, a := newAdoptedKernel(t)
	ino := uint64(a.add(state.RootIno, "f", clfs.TypeFIFO, 2000))
	a.add(state.RootIno, "g", clfs.TypeFIFO, 2001)
	for range 2 {
		k.look(rootNode, "f")
	}
	k.names(rootNode, true) // tells of it once more
	k.fs.Forget(ino, 1)
	k.fs.Forget(ino, 1)
	k.useOtherDirectories()
	k.dropRoot()
	if k.node(ino).State != state.Done {
		t.Error("it was dropped while the kernel knows it")
	}
	k.fs.Forget(ino, 1)
	k.dropRoot()
	if _, err := k.fs.journal.Node(t.Context(), state.Ino(ino)); !errors.Is(err, state.ErrNoEntry) {
		t.Errorf("it was not dropped: %v", err)
	}
	if again := k.look(rootNode, "f"); again != ino {
		t.Errorf("it is inode %d now", again)
	}
}

// useOtherDirectories uses so many others that those which were used before may be dropped.
func (k *kernel) useOtherDirectories() {
	for i := range state.Ino(2000) {
		k.fs.partial.Use(1<<40 + i)
	}
}

func (k *kernel) dropRoot() {
	k.t.Helper()
	if _, err := k.fs.partial.DropDirectory(k.t.Context(), state.RootIno); err != nil {
		k.t.Fatal(err)
	}
}

// A journal that is larger than it should be is not gone through again and again for nothing.
func TestWhatStaysIsLookedAtAgainWhenTheJournalHasGrown(t *testing.T) {
	k, a := newAdoptedKernel(t)
	for i := range uint64(16) {
		a.add(state.RootIno, fmt.Sprint(i), clfs.TypeDirectory, 2000+i)
	}
	sub := a.add(state.RootIno, "sub", clfs.TypeDirectory, 3000)
	for i := range uint64(16) {
		a.add(sub, fmt.Sprint(i), clfs.TypeDirectory, 4000+i)
	}
	drops := func() int {
		count := 0
		a.drops = func() { count++ }
		k.useOtherDirectories()
		if err := k.fs.partial.Drop(t.Context()); err != nil {
			t.Fatal(err)
		}
		return count
	}
	k.names(rootNode, false)
	for i := range 16 {
		k.look(rootNode, fmt.Sprint(i))
	}
	k.look(rootNode, "sub")
	if drops() == 0 {
		t.Error("nothing was looked at")
	}
	if n := drops(); n > 0 {
		t.Errorf("%d directories were looked at again", n)
	}
	k.look(uint64(sub), "0")
	if drops() == 0 {
		t.Error("nothing was looked at though the journal has grown")
	}
}

// From the second entry on that somebody looks at, the inodes behind it are read ahead, in
// the order of the listing, but not all of a large directory.
func TestInodesAreReadAheadAsLongAsSomebodyLooks(t *testing.T) {
	k, a := newAdoptedKernel(t)
	const many = 3000
	for i := range uint64(many) {
		a.add(state.RootIno, fmt.Sprintf("%04d", i), clfs.TypeFIFO, 5000+i)
	}
	k.look(rootNode, "0000")
	a.took()
	k.look(rootNode, "0001")
	k.awaitReadAhead()
	reads := len(a.took())
	if reads <= 16 || reads >= 128 {
		t.Errorf("%d inodes were read for two looks", reads)
	}
	for i := range many {
		k.look(rootNode, fmt.Sprintf("%04d", i))
	}
	k.awaitReadAhead()
	left, err := k.fs.journal.RemoteEntries(t.Context(), state.RootIno, 0, many)
	if err != nil || len(left) > 0 {
		t.Errorf("%d inodes are not read, %v", len(left), err)
	}
}

// awaitReadAhead waits until nothing is read ahead.
func (k *kernel) awaitReadAhead() {
	k.t.Helper()
	for k.fs.partial.IsReadingAhead() {
		runtime.Gosched()
	}
}
