package readonly

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/hanwen/go-fuse/v2/fuse"

	"clfsload/clfs"
)

func TestInodeNumbersComeFromTheHandle(t *testing.T) {
	for name, c := range map[string]struct {
		id   clfs.ID
		want uint64
	}{
		"the root":      {clfs.RootID, 1},
		"a handle":      {handleID(4711, clfs.TypeRegular), 4711},
		"an opaque id":  {"0123456789abcdef", clfs.ID("0123456789abcdef").Hash()},
		"a broken one":  {handleID(0, clfs.TypeRegular), handleID(0, clfs.TypeRegular).Hash()},
		"one like root": {handleID(1, clfs.TypeRegular), handleID(1, clfs.TypeRegular).Hash()},
	} {
		if got := InodeNumber(c.id); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

func TestADirectoryThatContainsItselfIsRefused(t *testing.T) {
	a, b := handleID(2001, clfs.TypeDirectory), handleID(2002, clfs.TypeDirectory)
	k := show(t, &fakeContainer{nodes: map[clfs.ID]*fakeNode{
		clfs.RootID: fakeDirectory(entry{"a", a}, entry{"root", clfs.RootID}),
		a:           fakeDirectory(entry{"b", b}, entry{"self", a}),
		b:           fakeDirectory(entry{"up", a}),
	}})
	outA, status := k.lookup(rootNode, "a")
	if status != fuse.OK {
		t.Fatal(status)
	}
	outB, status := k.lookup(outA.NodeId, "b")
	if status != fuse.OK {
		t.Fatal(status)
	}
	for _, c := range []struct {
		parent uint64
		name   string
	}{{rootNode, "root"}, {outA.NodeId, "self"}, {outB.NodeId, "up"}} {
		if _, status := k.lookup(c.parent, c.name); status != fuse.EIO {
			t.Errorf("%s: %v", c.name, status)
		}
	}
	if log := k.log.String(); !strings.Contains(log, "contains itself") || !strings.Contains(log, a.String()) {
		t.Errorf("log %s", log)
	}
}

// loop is a container whose directories a and b contain each other.
func loop(a, b clfs.ID) *fakeContainer {
	return &fakeContainer{publishing: true, nodes: map[clfs.ID]*fakeNode{
		clfs.RootID: fakeDirectory(entry{"a", a}, entry{"b", b}),
		a:           fakeDirectory(entry{"b", b}, entry{"x", handleID(2003, clfs.TypeRegular)}),
		b:           fakeDirectory(entry{"a", a}),
	}}
}

func TestDuringAPublicationADirectoryAboveIsPassedOver(t *testing.T) {
	a, b := handleID(2001, clfs.TypeDirectory), handleID(2002, clfs.TypeDirectory)
	k := show(t, loop(a, b))
	outA, _ := k.lookup(rootNode, "a")
	outB, status := k.lookup(outA.NodeId, "b")
	if status != fuse.OK {
		t.Fatal(status)
	}
	if out, status := k.lookup(outB.NodeId, "a"); status != fuse.ENOENT {
		t.Errorf("a in a/b: %v, node %d", status, out.NodeId)
	}
	if names := k.listed(outB.NodeId); !slices.Equal(names, []string{".", ".."}) {
		t.Errorf("a/b has %q", names)
	}
	// Now b is in the root, where it contains a.
	if _, status := k.lookup(rootNode, "b"); status != fuse.OK {
		t.Fatal(status)
	}
	if names := k.listed(outB.NodeId); !slices.Equal(names, []string{".", "..", "a"}) {
		t.Errorf("b has %q", names)
	}
	if _, status := k.lookup(outB.NodeId, "a"); status != fuse.OK {
		t.Errorf("a in b: %v", status)
	}
	if names := k.listed(outA.NodeId); !slices.Equal(names, []string{".", "..", "x"}) {
		t.Errorf("b/a has %q", names)
	}
	if k.log.Len() > 0 {
		t.Errorf("log %s", k.log.String())
	}
}

// Two lookups at the same time that would each close a loop must not both succeed: then
// nothing that goes up would end.
func TestLookupsAtTheSameTimeMakeNoLoop(t *testing.T) {
	a, b := handleID(2001, clfs.TypeDirectory), handleID(2002, clfs.TypeDirectory)
	for range 200 {
		k := show(t, loop(a, b))
		outA, _ := k.lookup(rootNode, "a")
		outB, _ := k.lookup(rootNode, "b")
		var both sync.WaitGroup
		both.Go(func() { k.lookup(outA.NodeId, "b") })
		both.Go(func() { k.lookup(outB.NodeId, "a") })
		both.Wait()
		namesA, namesB := k.listed(outA.NodeId), k.listed(outB.NodeId)
		if len(namesA)+len(namesB) != 6 { // one of them is hidden in the other
			t.Fatalf("%q and %q", namesA, namesB)
		}
		if _, status := k.lookup(outA.NodeId, "x"); status != fuse.EIO { // its inode is missing, which is logged with its path
			t.Fatal(status)
		}
	}
}

// listed lists a directory.
func (k *kernel) listed(node uint64) (names []string) {
	k.t.Helper()
	var out fuse.OpenOut
	if status := k.raw.OpenDir(nil, &fuse.OpenIn{InHeader: fuse.InHeader{NodeId: node}}, &out); status != fuse.OK {
		k.t.Fatal(status)
	}
	defer k.raw.ReleaseDir(&fuse.ReleaseIn{InHeader: fuse.InHeader{NodeId: node}, Fh: out.Fh})
	buf := make([]byte, 1<<16)
	list := fuse.NewDirEntryList(buf, 0)
	if status := k.raw.ReadDir(nil, &fuse.ReadIn{InHeader: fuse.InHeader{NodeId: node}, Fh: out.Fh, Size: 1 << 16}, list); status != fuse.OK {
		k.t.Fatal(status)
	}
	for len(buf) >= 24 && binary.NativeEndian.Uint64(buf) != 0 {
		length := binary.NativeEndian.Uint32(buf[16:])
		names = append(names, string(buf[24:24+length]))
		buf = buf[(24+length+7)/8*8:]
	}
	return names
}

func TestNamesThatNoFileCanHaveArePassedOverAndLogged(t *testing.T) {
	file := handleID(2001, clfs.TypeRegular)
	bad := []string{"a/b", "nul\x00", strings.Repeat("x", 256)}
	entries := []entry{{".", clfs.RootID}, {"..", clfs.RootID}, {"good", file}}
	for _, name := range bad {
		entries = append(entries, entry{name, file})
	}
	k := show(t, &fakeContainer{nodes: map[clfs.ID]*fakeNode{clfs.RootID: fakeDirectory(entries...), file: fakeFile(nil)}})
	for _, name := range bad {
		if _, status := k.lookup(rootNode, name); status != fuse.ENOENT {
			t.Errorf("%q: %v", name, status)
		}
	}
	if names := k.list(); !slices.Equal(names, []string{".", "..", "good"}) {
		t.Errorf("listed %q", names)
	}
	if n := strings.Count(k.log.String(), "passed over"); n != len(bad) {
		t.Errorf("%d names in the log:\n%s", n, k.log.String())
	}
}

// list lists the root.
func (k *kernel) list() (names []string) {
	k.t.Helper()
	l, err := k.fs.listing(k.t.Context(), clfs.RootID, 0)
	if err != nil {
		k.t.Fatal(err)
	}
	root := &directory{inode: inode{sys: k.fs, id: clfs.RootID}}
	for s := (&dirStream{dir: root, list: l}); ; {
		e, errno := s.Readdirent(k.t.Context())
		if errno != 0 {
			names = append(names, errno.Error())
			return names
		}
		if e == nil {
			return names
		}
		names = append(names, e.Name)
	}
}

func TestObjectsWithTheSameNumberAreNotOneInode(t *testing.T) {
	one := clfs.Handle{ContainerID: 1, Type: clfs.TypeRegular, Sequence: 2001, Random: 1}.ID()
	other := clfs.Handle{ContainerID: 1, Type: clfs.TypeRegular, Sequence: 2001, Random: 2}.ID()
	k := show(t, &fakeContainer{nodes: map[clfs.ID]*fakeNode{
		clfs.RootID: fakeDirectory(entry{"one", one}, entry{"again", one}, entry{"other", other}),
		one:         fakeFile([]byte("1")), other: fakeFile([]byte("22")),
	}})
	a, _ := k.lookup(rootNode, "one")
	b, _ := k.lookup(rootNode, "again")
	c, _ := k.lookup(rootNode, "other")
	if a.NodeId != b.NodeId || a.NodeId == c.NodeId || a.Size != 1 || c.Size != 2 {
		t.Errorf("nodes %d, %d and %d of %d and %d bytes", a.NodeId, b.NodeId, c.NodeId, a.Size, c.Size)
	}
}

func TestALookupFetchesWhatComesNext(t *testing.T) {
	const files = 300
	c := &fakeContainer{nodes: map[clfs.ID]*fakeNode{}}
	var entries []entry
	for i := range uint64(files) {
		id := handleID(2000+i, clfs.TypeRegular)
		entries = append(entries, entry{fmt.Sprintf("f%03d", i), id})
		c.nodes[id] = fakeFile(nil)
	}
	c.nodes[clfs.RootID] = fakeDirectory(entries...)
	k := show(t, c)
	k.lookup(rootNode, "f000")
	if n := c.reads.Load(); n > 3 {
		t.Errorf("one lookup has read %d inodes", n)
	}
	k.lookup(rootNode, "f001")
	k.lookup(rootNode, "f002")
	for i := range 40 {
		if !k.fs.nodes.Has(entries[i].id) {
			t.Errorf("entry %d was not fetched", i)
		}
	}
	for _, e := range entries {
		k.lookup(rootNode, e.name)
	}
	if n := c.reads.Load(); n != files+1 {
		t.Errorf("%d reads of %d inodes", n, files+1)
	}
}

func TestContentsAreReadByChunksAndOnce(t *testing.T) {
	contents := make([]byte, 5432)
	for i := range contents {
		contents[i] = byte(i * 7 / 3)
	}
	id := handleID(2001, clfs.TypeRegular)
	file := fakeFile(contents)
	k := show(t, &fakeContainer{nodes: map[clfs.ID]*fakeNode{clfs.RootID: fakeDirectory(entry{"f", id}), id: file}})
	for range 3 {
		if got := k.open("f").readAll(t); !bytes.Equal(got, contents) {
			t.Fatalf("%d bytes differ", len(got))
		}
	}
	// Three times the beginning, which is at hand, and once each of six chunks.
	if n := file.reads.Load(); n != 3+6 {
		t.Errorf("%d reads", n)
	}
	h, got := k.open("f"), make([]byte, 1300)
	if got, err := h.read(t.Context(), got, 95); err != nil || !bytes.Equal(got, contents[95:95+1300]) {
		t.Errorf("a range: %d bytes, %v", len(got), err)
	}
}

func TestALostBlockEndsAListingAndHidesNoOther(t *testing.T) {
	ids := []clfs.ID{handleID(2001, clfs.TypeRegular), handleID(2002, clfs.TypeRegular), handleID(2003, clfs.TypeRegular)}
	root := fakeDirectory(entry{"a", ids[0]})
	root.blocks = map[uint64][]byte{1: nil, 2: packed(entry{"c", ids[2]})}
	k := show(t, &fakeContainer{nodes: map[clfs.ID]*fakeNode{clfs.RootID: root, ids[0]: fakeFile(nil), ids[2]: fakeFile(nil)}})
	for name, want := range map[string]fuse.Status{"a": fuse.OK, "c": fuse.OK, "b": fuse.EIO} {
		if _, status := k.lookup(rootNode, name); status != want {
			t.Errorf("%s: %v, want %v", name, status, want)
		}
	}
	if names := k.list(); !slices.Equal(names, []string{".", "..", "a", syscall.EIO.Error()}) {
		t.Errorf("listed %q", names)
	}
}

func (k *kernel) opendir(node uint64) {
	k.t.Helper()
	in := &fuse.OpenIn{InHeader: fuse.InHeader{NodeId: node}}
	if status := k.raw.OpenDir(nil, in, &fuse.OpenOut{}); status != fuse.OK {
		k.t.Fatal(status)
	}
}

func TestAWalkDownFetchesWhatTheNextDirectoriesBeginWith(t *testing.T) {
	a, b, file := handleID(2001, clfs.TypeDirectory), handleID(2002, clfs.TypeDirectory), handleID(2003, clfs.TypeRegular)
	nodes := map[clfs.ID]*fakeNode{
		clfs.RootID: fakeDirectory(entry{"a", a}), file: fakeFile(nil),
		a: fakeDirectory(entry{".", a}, entry{"..", clfs.RootID}, entry{"b", b}),
		b: fakeDirectory(entry{".", b}, entry{"..", a}, entry{"file", file}),
	}
	for _, walks := range []bool{false, true} {
		k := show(t, &fakeContainer{nodes: nodes})
		if walks {
			k.opendir(rootNode)
		}
		out, _ := k.lookup(rootNode, "a")
		k.opendir(out.NodeId)
		k.lookup(out.NodeId, "b")
		if got := k.fs.nodes.Has(file); got != walks {
			t.Errorf("a walk: %t, fetched ahead: %t", walks, got)
		}
	}
}
