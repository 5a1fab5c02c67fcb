package engine

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"testing"

	"clfsload/clfs"
	"clfsload/clfs/compression"
	"clfsload/clfs/object"
	"clfsload/state"
	"clfsload/sync/blob"
	"clfsload/sync/blob/faulty"
	"clfsload/sync/blob/mem"
)

// mostForHuge is how much the heap may grow for a file of hugeSize, in bytes.
const mostForHuge = 96 << 20

// withoutSegments is a container that forgets data segments.
type withoutSegments struct {
	*mem.Container
	t *testing.T
}

func (c withoutSegments) Put(ctx context.Context, name string, data []byte) error {
	if nameOf(c.t, name).Type == clfs.TypeSegment {
		return nil
	}
	return c.Container.Put(ctx, name, data)
}

// heldHeap is how much memory the heap has had at its largest.
func heldHeap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapSys
}

// recordAllBut notes that a load has recorded the blocks of a file, but for some, and was killed then.
func (f *fixture) recordAllBut(ino state.Ino, missing []uint64) {
	f.t.Helper()
	n, err := f.journal.Node(f.t.Context(), ino)
	if err != nil {
		f.t.Fatal(err)
	}
	count := state.Blocks(n.Attr.Size)
	if ok, err := f.journal.ReserveBlocks(f.t.Context(), n, count); !ok || err != nil {
		f.t.Fatal(ok, err)
	}
	var list []state.BlockOutcome
	for block := uint64(1); block < count; block++ {
		if !slices.Contains(missing, block) {
			list = append(list, state.BlockOutcome{Ino: ino, Index: block, Gen: n.Next, Cseq: n.Cseq})
		}
		if len(list) == 10_000 || block == count-1 {
			if err := f.journal.RecordBlocks(f.t.Context(), list); err != nil {
				f.t.Fatal(err)
			}
			list = list[:0]
		}
	}
}

// mappedSegments lists the ids of a file's segments, as its inode has them.
func mappedSegments(t *testing.T, c blob.Container, n state.Node) (ids []clfs.ID) {
	t.Helper()
	payload := func(id clfs.ID, kind clfs.Type, version uint32, owner clfs.ID) []byte {
		o, err := c.Get(t.Context(), clfs.ObjectName(id, owner, kind, version), 0, -1)
		if err != nil {
			t.Fatal(err)
		}
		data, _, err := compression.Unpack(o.Data, object.MaxSegmentPayload)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	in, err := object.DecodeInode(payload(n.ID, n.Attr.Type, n.PutVersion, clfs.RootID))
	if err != nil {
		t.Fatal(err)
	}
	ids = in.Direct[1:]
	var walk func(block clfs.ID, levels int)
	walk = func(block clfs.ID, levels int) {
		b, err := object.DecodeIndirect(payload(block, clfs.TypeIndirect, clfs.FirstVersion, n.ID))
		if err != nil {
			t.Fatal(err)
		}
		if levels == 0 {
			ids = append(ids, b.Blocks...)
			return
		}
		for _, below := range b.Blocks {
			walk(below, levels-1)
		}
	}
	for levels, root := range in.Roots {
		if !root.IsNull() {
			walk(root, levels)
		}
	}
	return ids
}

// The load of a huge file that was killed goes on, twice, with the segments that are not recorded: it
// reads nothing else, and the rows of the others are never in memory together.
func TestTheLoadOfAHugeFileGoesOnWithTheSegmentsThatAreMissing(t *testing.T) {
	f := newFixture(t, compression.None)
	file := f.file("file", hugeSize)
	f.scanned()
	const ino = state.Ino(clfs.FirstSequence + 1)
	count := state.Blocks(hugeSize)
	missing := []uint64{1, 2, count/2 - 1, count / 2, count - 2, count - 1}
	f.recordAllBut(ino, missing)

	before := heldHeap()
	m := mem.New()
	c := faulty.New(withoutSegments{m, t})
	c.On(faulty.Put, faulty.Fault{Err: blob.ErrTransient, Skip: 2 + len(missing)}) // the bucket objects, and then an indirect block
	if err := f.load(t.Context(), c); !errors.Is(err, blob.ErrTransient) {
		t.Fatal(err)
	}
	f.mustLoad(c)
	t.Logf("the heap has grown by %d bytes", heldHeap()-before)
	if grown := int64(heldHeap()) - int64(before); grown > mostForHuge {
		t.Errorf("the heap has grown by %d bytes, more than %d", grown, mostForHuge)
	}

	var offsets []int64
	for _, block := range missing {
		offset, _ := state.BlockRange(block)
		offsets = append(offsets, offset)
	}
	slices.Sort(file.reads)
	if !slices.Equal(file.reads, offsets) {
		t.Errorf("read at %v, not %v", file.reads, offsets)
	}
	n, err := f.journal.Node(t.Context(), ino)
	if err != nil {
		t.Fatal(err)
	}
	ids := mappedSegments(t, m, n)
	if uint64(len(ids)) != count-1 {
		t.Fatalf("%d segments, not %d", len(ids), count-1)
	}
	for i, id := range ids {
		if want := clfs.SegmentID(f.journal.Settings.Key, n.ID, 0, uint64(i)); id != want {
			t.Fatalf("segment %d is %s, not %s", i, id, want)
		}
	}
}
