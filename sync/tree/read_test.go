package tree_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"clfsload/clfs"
	"clfsload/clfs/object"
	"clfsload/sync/tree"
	"clfsload/sync/tree/treetest"
)

func open(t testing.TB, b *treetest.Builder) *tree.Tree {
	t.Helper()
	tr, err := tree.Open(t.Context(), b.Container, tree.Options{TempDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tr.Close() })
	return tr
}

func lookup(t testing.TB, tr *tree.Tree, path string) *tree.Node {
	t.Helper()
	n, err := tr.Lookup(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// patterned is content in which no two stretches are equal.
func patterned(n int) []byte {
	b := make([]byte, 0, n+16)
	for i := 0; len(b) < n; i++ {
		b = fmt.Appendf(b, "%x,", i)
	}
	return b[:n]
}

func TestAnyRangeReadsAsTheContents(t *testing.T) {
	content := patterned(clfs.FirstSegmentBytes + 2*clfs.SegmentBytes + 12345)
	b := treetest.New(t)
	b.Root.File("file", content)
	tr := open(t, b.Finish())
	n := lookup(t, tr, "file")
	random := rand.New(rand.NewPCG(1, 2))
	edges := []int{0, 1, clfs.FirstSegmentBytes - 1, clfs.FirstSegmentBytes, clfs.FirstSegmentBytes + 1, clfs.FirstSegmentBytes + clfs.SegmentBytes, len(content) - 1, len(content)}
	for i := range 40 {
		from, length := edges[i%len(edges)], []int{0, 1, 100, clfs.FirstSegmentBytes, clfs.SegmentBytes + 7}[random.IntN(5)]
		want := content[from:min(from+length, len(content))]
		var got bytes.Buffer
		if err := tr.WriteTo(t.Context(), &got, n, uint64(from), uint64(from+length)); err != nil || !bytes.Equal(got.Bytes(), want) {
			t.Errorf("write %d bytes from %d: %d bytes, %v", length, from, got.Len(), err)
		}
		p := make([]byte, length)
		read, err := tr.ReadAt(t.Context(), n, p, uint64(from))
		atEnd := from+length >= len(content)
		if err != nil && (!errors.Is(err, io.EOF) || !atEnd && length > 0) || !bytes.Equal(p[:read], want) {
			t.Errorf("read %d bytes at %d: %d bytes, %v", length, from, read, err)
		}
	}
}

func TestNullIdsAreZeros(t *testing.T) {
	content := patterned(clfs.FirstSegmentBytes + 3*clfs.SegmentBytes)
	b := treetest.New(t)
	f := b.Root.File("file", content)
	b.Finish()
	f.Inode.Direct[2], f.Inode.Direct[3] = clfs.NullBlock, clfs.NullBlock
	f.Put()
	from := clfs.FirstSegmentBytes + clfs.SegmentBytes
	clear(content[from:])
	tr := open(t, b)
	var got bytes.Buffer
	if err := tr.WriteTo(t.Context(), &got, lookup(t, tr, "file"), 0, uint64(len(content))); err != nil || !bytes.Equal(got.Bytes(), content) {
		t.Errorf("%d bytes, %v", got.Len(), err)
	}
}

func TestABlockMapOfAnySizeIsReadInOrder(t *testing.T) {
	for _, count := range []int{0, 1, clfs.MaxDirect - 1, clfs.MaxDirect, clfs.MaxDirect + clfs.IndirectFanout - 1, clfs.MaxDirect + clfs.IndirectFanout, 30000} {
		b := treetest.New(t)
		f := b.Root.File("file", nil)
		for i := range count {
			f.Segments = append(f.Segments, clfs.ID(fmt.Sprintf("segment %08d", i+1)))
		}
		tr := open(t, b.Finish())
		n := lookup(t, tr, "file")
		for _, r := range [][2]int{{1, count + 1}, {1, 2}, {count, count + 1}, {clfs.MaxDirect - 1, clfs.MaxDirect + 2}, {5000, 5300}, {9000, 9001}} {
			next := max(r[0], 1)
			for block, err := range tr.Blocks(t.Context(), n, uint64(next), uint64(r[1])) {
				if err != nil {
					t.Fatal(err)
				}
				if block.Indirect {
					continue
				}
				if want := clfs.ID(fmt.Sprintf("segment %08d", next)); block.ID != want || block.Number != uint64(next) {
					t.Fatalf("of %d: block %d is %q, want %q", count, block.Number, block.ID, want)
				}
				next++
			}
			if want := max(r[0], 1, min(r[1], count+1)); next != want {
				t.Errorf("of %d: blocks %d to %d end before %d, not %d", count, r[0], r[1], next, want)
			}
		}
	}
}

func TestWhatIsBehindALostIndirectBlockIsRead(t *testing.T) {
	b := treetest.New(t)
	f := b.Root.File("file", nil)
	count := clfs.MaxDirect + 3*clfs.IndirectFanout
	for i := range count - 1 {
		f.Segments = append(f.Segments, clfs.ID(fmt.Sprintf("segment %08d", i+1)))
	}
	tr := open(t, b.Finish())
	n := lookup(t, tr, "file")
	var leaf tree.Block
	for block, err := range tr.Blocks(t.Context(), n, 1, tree.AllBlocks) {
		if err == nil && block.Indirect && block.Tree == 1 && block.Depth == 1 {
			leaf = block
			break
		}
	}
	b.Delete(leaf.Object.Blob)
	lost, last := uint64(0), uint64(0)
	again := open(t, b)
	for block, err := range again.Blocks(t.Context(), n, 1, tree.AllBlocks) {
		if err != nil {
			lost += block.Count
		} else if !block.Indirect {
			last = block.Number
		}
	}
	if lost != clfs.IndirectFanout || last != uint64(count-1) {
		t.Errorf("%d blocks are lost, the last one read is %d of %d", lost, last, count-1)
	}
}

func TestTheHighestVersionIsLive(t *testing.T) {
	b := treetest.New(t)
	f := b.Root.File("file", []byte("old"))
	b.Finish()
	f.Version, f.Inode.Data = 4000000000, []byte("new")
	f.Put()
	stale := clfs.ObjectName(f.ID, b.Root.ID, clfs.TypeTombstone, 4000000001)
	b.PutBytes(stale, nil)
	snapshot, _ := clfs.ParseName(f.Blob())
	snapshot.Snapshot, snapshot.Version = 7, 4000000002
	b.PutBytes(snapshot.String(), nil)
	tr := open(t, b)
	n := lookup(t, tr, "file")
	want := tree.PassedOver{OlderVersions: 1, Tombstones: 1, Snapshots: 1}
	if string(n.Inode.Data) != "new" || n.Older != 1 || tr.PassedOver() != want {
		t.Errorf("read %q, passed over %+v", n.Inode.Data, tr.PassedOver())
	}
}

func TestWhatACacheLeavesIsPassedOverAndCounted(t *testing.T) {
	b := treetest.New(t)
	f := b.Root.File("file", []byte("content"))
	b.Root.Link("again", f)
	opaque := b.Root.File("opaque", []byte("of another id"))
	b.Finish()
	// A hard link's type in the name, records of the service's own, attributes.
	b.Delete(f.Blob())
	f.Type = clfs.TypeHardLink
	f.Inode.Unknown = []object.Record{{Type: 11, Body: []byte("smb")}}
	f.Inode.ExtAttrs = []object.ExtAttr{{Key: "key", Value: "value"}}
	f.Put()
	// A filehandle of another length.
	b.Delete(opaque.Blob())
	handle := clfs.ID("an id of the service's own making, 48 bytes long")
	b.Root.Inode.Dirents = object.AppendDirent(b.Root.Inode.Dirents, []byte("odd"), handle)
	b.Root.Put()
	opaque.ID, opaque.Inode.Direct = handle, []clfs.ID{handle}
	opaque.Put()

	tr := open(t, b)
	for path, want := range map[string]string{"file": "content", "again": "content", "odd": "of another id"} {
		if n := lookup(t, tr, path); string(n.Inode.Data) != want || n.Type() != clfs.TypeRegular {
			t.Errorf("%s: %s %q", path, n.Type(), n.Inode.Data)
		}
	}
	if got, want := tr.PassedOver(), (tree.PassedOver{UnknownRecords: 2, ExtAttrs: 2}); got != want {
		t.Errorf("passed over %+v, want %+v", got, want)
	}
}

func TestAnIndexThatIsOldDoesNotHideANewVersion(t *testing.T) {
	b := treetest.New(t)
	f := b.Root.File("file", []byte("old"))
	tr := open(t, b.Finish())
	if _, err := tr.BuildIndex(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.Delete(f.Blob())
	f.Version, f.Inode.Data = 12, []byte("new")
	f.Put()
	if n := lookup(t, tr, "file"); string(n.Inode.Data) != "new" {
		t.Errorf("read %q", n.Inode.Data)
	}
}

func TestOpenTellsWhyAContainerIsNone(t *testing.T) {
	for want, remove := range map[error]func(*treetest.Builder){
		tree.ErrNoContainer: func(b *treetest.Builder) { b.Delete(clfs.ObjectName(clfs.BucketID, "", 0, clfs.FirstVersion)) },
		tree.ErrUnfinished:  func(b *treetest.Builder) { b.Delete(b.Root.Blob()) },
		tree.ErrDamaged:     func(b *treetest.Builder) { b.PutBytes(b.Root.Blob(), []byte{0, 0, 0, 0, 1}) },
	} {
		b := treetest.New(t).Finish()
		remove(b)
		if _, err := tree.Open(t.Context(), b.Container, tree.Options{}); !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
}

func TestChangedBytesDoNotPassTheMD5(t *testing.T) {
	b := treetest.New(t)
	b.Root.File("file", []byte("content"))
	b.Finish()
	tr := tree.New(flipped{b.Container}, tree.Options{})
	_, err := tr.Lookup(t.Context(), "file")
	var d *tree.Damage
	if !errors.As(err, &d) || d.Kind != tree.KindChecksum {
		t.Errorf("got %v", err)
	}
}

func TestNamesThatAreNoneAreNotValid(t *testing.T) {
	for _, name := range []string{"", ".", "..", "a/b", "/", "nul\x00", strings.Repeat("x", 256)} {
		if tree.ValidName([]byte(name)) {
			t.Errorf("%q is taken", name)
		}
	}
	for _, name := range []string{"a", "...", "\xff\xfe", "new\nline", strings.Repeat("x", 255)} {
		if !tree.ValidName([]byte(name)) {
			t.Errorf("%q is refused", name)
		}
	}
}

func TestABigDirectoryIsReadInItsOrder(t *testing.T) {
	b := treetest.New(t)
	var want []string
	f := b.Root.File("first", nil)
	for i := range 20000 {
		name := fmt.Sprintf("entry-%05d-%s", i, strings.Repeat("n", i%90))
		b.Root.Entry(name, f.ID)
		want = append(want, name)
	}
	tr := open(t, b.Finish())
	if len(b.Root.Segments) < 5 {
		t.Fatalf("%d segments", len(b.Root.Segments))
	}
	var got []string
	for e, err := range tr.Entries(t.Context(), lookup(t, tr, "/")) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(e.Name))
	}
	if !slices.Equal(got, append([]string{".", "..", "first"}, want...)) {
		t.Errorf("%d entries", len(got))
	}
	if _, err := tr.LookupName(t.Context(), lookup(t, tr, "/"), want[len(want)-1]); err != nil {
		t.Error(err)
	}
}
