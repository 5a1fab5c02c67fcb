package tree_test

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"clfsload/clfs"
	"clfsload/clfs/object"
	"clfsload/sync/tree"
	"clfsload/sync/tree/treetest"
)

// newSparse makes a container with a file of count blocks whose ids are all null.
func newSparse(t *testing.T, count int) (*treetest.Builder, *treetest.Node) {
	b := treetest.New(t)
	f := b.Root.File("file", nil)
	b.Finish()
	f.Sparse(count)
	return b, f
}

func keep(n int) func(*object.IndirectBlock) {
	return func(b *object.IndirectBlock) { b.Blocks = b.Blocks[:n] }
}

// endOf is where a file with blocks 0 to n-1 ends.
func endOf(n int) uint64 { return clfs.FirstSegmentBytes + uint64(n-1)*clfs.SegmentBytes }

const treeOne = clfs.MaxDirect + clfs.IndirectFanout // the first block in tree 1

var cutMaps = []struct {
	name   string
	count  int
	change func(f *treetest.Node)
	kind   tree.Kind
	lost   [2]int // the blocks that are lost, none if both are equal
}{
	{"no list at all", 4, func(f *treetest.Node) { f.Inode.Direct = f.Inode.Direct[:1] }, tree.KindHole, [2]int{1, 4}},
	{"direct list cut by one", 4, func(f *treetest.Node) { f.Inode.Direct = f.Inode.Direct[:3] }, tree.KindHole, [2]int{3, 4}},
	{"direct list cut before a tree", 2000, func(f *treetest.Node) { f.Inode.Direct = f.Inode.Direct[:10] }, tree.KindHole, [2]int{10, clfs.MaxDirect}},
	{"first tree gone", 2000, func(f *treetest.Node) { f.Inode.Roots[0] = clfs.NullBlock }, tree.KindHole, [2]int{clfs.MaxDirect, 2000}},
	{"last tree gone", treeOne + 10, func(f *treetest.Node) { f.Inode.Roots[1] = clfs.NullBlock }, tree.KindHole, [2]int{treeOne, treeOne + 10}},
	{"all trees gone", treeOne + 10, func(f *treetest.Node) { clear(f.Inode.Roots[:]) }, tree.KindHole, [2]int{clfs.MaxDirect, treeOne + 10}},
	{"leaf cut", 2000, func(f *treetest.Node) { f.Indirect(f.Inode.Roots[0], keep(5)) }, tree.KindBlockMap, [2]int{clfs.MaxDirect + 5, 2000}},
	{"leaf of tree 0 emptied", treeOne + 10, func(f *treetest.Node) { f.Indirect(f.Inode.Roots[0], keep(0)) }, tree.KindBlockMap, [2]int{clfs.MaxDirect, treeOne}},
	{"root of tree 1 cut", treeOne + 2*clfs.IndirectFanout, func(f *treetest.Node) { f.Indirect(f.Inode.Roots[1], keep(1)) }, tree.KindBlockMap,
		[2]int{treeOne + clfs.IndirectFanout, treeOne + 2*clfs.IndirectFanout}},
	{"leaf with a pointer too many", 2000, func(f *treetest.Node) {
		f.Indirect(f.Inode.Roots[0], func(b *object.IndirectBlock) { b.Blocks = append(b.Blocks, clfs.NullBlock) })
	}, tree.KindBlockMap, [2]int{}},
}

func TestABlockMapThatEndsEarlyIsNoHole(t *testing.T) {
	for _, c := range cutMaps {
		t.Run(c.name, func(t *testing.T) {
			b, f := newSparse(t, c.count)
			c.change(f)
			f.Put()
			tr := open(t, b)
			n := lookup(t, tr, "file")
			lost, seen := uint64(0), 0
			for r, err := range tr.Runs(t.Context(), n, 0, n.Inode.Attr.Size) {
				if err == nil {
					continue
				}
				var d *tree.Damage
				if !errors.As(err, &d) || d.Kind != c.kind {
					t.Errorf("error %v, want damage of kind %s", err, c.kind)
				}
				if r.Lost > 0 && r.Offset != endOf(c.lost[0]) {
					t.Errorf("lost at %d, want %d", r.Offset, endOf(c.lost[0]))
				}
				lost, seen = lost+r.Lost, seen+1
			}
			if want := uint64(c.lost[1]-c.lost[0]) * clfs.SegmentBytes; lost != want || seen != 1 {
				t.Errorf("%d bytes are lost in %d places, want %d", lost, seen, want)
			}
			if c.lost[1] > 0 {
				readsUpTo(t, tr, n, c.lost)
			}
		})
	}
}

// readsUpTo wants an error exactly where blocks are lost.
func readsUpTo(t *testing.T, tr *tree.Tree, n *tree.Node, lost [2]int) {
	t.Helper()
	p := make([]byte, 16)
	for _, at := range []uint64{endOf(lost[0]) - 8, endOf(lost[0]), endOf(lost[1]) - 16} {
		if _, err := tr.ReadAt(t.Context(), n, p, at); !errors.Is(err, tree.ErrDamaged) {
			t.Errorf("read at %d: %v, want damage", at, err)
		}
	}
	for _, at := range []uint64{endOf(lost[0]) - 16, endOf(lost[1])} {
		if _, err := tr.ReadAt(t.Context(), n, p, at); err != nil && !errors.Is(err, io.EOF) {
			t.Errorf("read at %d: %v", at, err)
		}
	}
}

func TestHolesOfNullIdsAreZerosAtAnyLevel(t *testing.T) {
	const count = treeOne + 2*clfs.IndirectFanout
	for name, change := range map[string]func(f *treetest.Node){
		"in every list":          func(f *treetest.Node) {},
		"an indirect block":      func(f *treetest.Node) { nullLeaves(f) },
		"a tree before another":  func(f *treetest.Node) { f.Inode.Roots[0] = clfs.NullBlock },
		"an own and a null leaf": func(f *treetest.Node) { nullLeaves(f); f.Inode.Roots[0] = clfs.NullBlock },
	} {
		t.Run(name, func(t *testing.T) {
			b, f := newSparse(t, count)
			change(f)
			f.Put()
			tr := open(t, b)
			n := lookup(t, tr, "file")
			before := tr.Traffic().Requests
			for r, err := range tr.Runs(t.Context(), n, 0, n.Inode.Attr.Size) {
				if err != nil || r.Offset > 0 {
					t.Errorf("%d bytes at %d, %v", len(r.Data), r.Offset, err)
				}
			}
			p := bytes.Repeat([]byte{1}, 4096)
			if got, err := tr.ReadAt(t.Context(), n, p, n.Inode.Attr.Size-4096); got != 4096 || err != io.EOF || !bytes.Equal(p, make([]byte, 4096)) {
				t.Errorf("read %d bytes at the end, %v", got, err)
			}
			if asked := tr.Traffic().Requests - before; asked > 8 { // a listing and a read for each indirect block
				t.Errorf("%d requests for %d blocks", asked, count)
			}
		})
	}
}

// nullLeaves replaces the leaves of tree 1 by null ids.
func nullLeaves(f *treetest.Node) {
	f.Indirect(f.Inode.Roots[1], func(b *object.IndirectBlock) {
		for i := range b.Blocks {
			b.Blocks[i] = clfs.NullBlock
		}
	})
}

func TestTheEmptyLeafOfCLFSLoadReadsAsNothing(t *testing.T) {
	b, f := newSparse(t, treeOne+clfs.IndirectFanout)
	f.EmptyLeaf()
	tr := open(t, b)
	n := lookup(t, tr, "file")
	for _, err := range tr.Runs(t.Context(), n, 0, n.Inode.Attr.Size) {
		if err != nil {
			t.Error(err)
		}
	}
}
