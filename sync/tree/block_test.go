package tree_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"

	"clfsload/clfs"
	"clfsload/clfs/object"
	"clfsload/sync/blob/faulty"
	"clfsload/sync/tree"
	"clfsload/sync/tree/treetest"
)

// threeBlocks is a container with a file of three segments, the last of them short.
func threeBlocks(t *testing.T) (b *treetest.Builder, file *treetest.Node, content []byte) {
	content = make([]byte, clfs.FirstSegmentBytes+2*clfs.SegmentBytes+1000)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range content {
		content[i] = byte(random.Uint32())
	}
	b = treetest.New(t)
	file = b.Root.File("file", content)
	return b.Finish(), file, content
}

func mustHaveBlocks(t *testing.T, tr *tree.Tree, content []byte) {
	t.Helper()
	n := lookup(t, tr, "file")
	for number := uint64(1); number <= 3; number++ {
		from := clfs.FirstSegmentBytes + (number-1)*clfs.SegmentBytes
		want := content[from:min(from+clfs.SegmentBytes, uint64(len(content)))]
		if data, err := tr.BlockData(t.Context(), n, number); err != nil || !bytes.Equal(data, want) {
			t.Errorf("block %d: %d bytes, want %d; %v", number, len(data), len(want), err)
		}
	}
}

func TestASegmentCostsOneRequest(t *testing.T) {
	b, _, content := threeBlocks(t)
	c := faulty.New(b.Container)
	tr, err := tree.Open(t.Context(), c, tree.Options{})
	if err != nil {
		t.Fatal(err)
	}
	n := lookup(t, tr, "file")
	if _, err := tr.BlockData(t.Context(), n, 1); err != nil { // looks for signs of a cache
		t.Fatal(err)
	}
	lists, gets := c.Calls(faulty.List), c.Calls(faulty.Get)
	if data, err := tr.BlockData(t.Context(), n, 2); err != nil || !bytes.Equal(data, content[clfs.FirstSegmentBytes+clfs.SegmentBytes:][:clfs.SegmentBytes]) {
		t.Fatalf("%d bytes, %v", len(data), err)
	}
	if l, g := c.Calls(faulty.List)-lists, c.Calls(faulty.Get)-gets; l != 0 || g != 1 {
		t.Errorf("%d listings and %d reads", l, g)
	}
	mustHaveBlocks(t, tr, content)
}

// again puts a segment as a cache would: under a higher version, with other bytes below
// the old one.
func again(b *treetest.Builder, file *treetest.Node, index int, keep bool) {
	old := clfs.ObjectName(file.Segments[index], file.ID, clfs.TypeSegment, clfs.FirstVersion)
	payload := b.Payload(old)
	b.PutPayload(clfs.ObjectName(file.Segments[index], file.ID, clfs.TypeSegment, clfs.FirstVersion+3), payload)
	if !keep {
		b.Delete(old)
		return
	}
	stale := bytes.Clone(payload)
	stale[object.SegmentDataOffset] ^= 1
	b.PutPayload(old, stale)
}

func TestASegmentThatWasWrittenAgainIsFound(t *testing.T) {
	b, file, content := threeBlocks(t)
	again(b, file, 1, false)
	mustHaveBlocks(t, open(t, b), content)
}

func TestTheHighestVersionOfASegmentCountsWhereACacheWas(t *testing.T) {
	for _, id := range []clfs.ID{clfs.SpaceTrackerID, clfs.OrphanParentID, clfs.SnapshotDBID} {
		b, file, content := threeBlocks(t)
		again(b, file, 1, true)
		b.PutPayload(clfs.ObjectName(id, "", 0, clfs.FirstVersion), nil)
		mustHaveBlocks(t, open(t, b), content)
	}
}

func TestAHoleIsABlockWithoutData(t *testing.T) {
	b, file, _ := threeBlocks(t)
	file.Inode.Direct[2] = clfs.NullBlock
	file.Put()
	tr := open(t, b)
	if data, err := tr.BlockData(t.Context(), lookup(t, tr, "file"), 2); data != nil || err != nil {
		t.Errorf("%d bytes, %v", len(data), err)
	}
}

func TestASegmentOfAnotherPlaceIsDamage(t *testing.T) {
	b, file, _ := threeBlocks(t)
	file.Inode.Direct[1], file.Inode.Direct[2] = file.Inode.Direct[2], file.Inode.Direct[1]
	file.Put()
	tr := open(t, b)
	_, err := tr.BlockData(t.Context(), lookup(t, tr, "file"), 2)
	var damage *tree.Damage
	if !errors.As(err, &damage) || damage.Kind != tree.KindSegmentOffset {
		t.Errorf("error %v", err)
	}
}
