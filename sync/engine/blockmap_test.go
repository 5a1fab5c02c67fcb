package engine

import (
	"fmt"
	"testing"

	"clfsload/clfs"
	"clfsload/clfs/blockmap"
	"clfsload/clfs/compression"
	"clfsload/clfs/object"
	"clfsload/state"
	"clfsload/sync/blob/mem"
	"clfsload/sync/engine/blobs"
)

// Files of 8 GiB and more have indirect blocks. The map alone is cheap to build:
// the segments themselves are not needed for it.
func TestBlockMapsOfHugeFilesLeadToEverySegmentAndCanBeRemoved(t *testing.T) {
	const direct, fanout = clfs.MaxDirect - 1, clfs.IndirectFanout
	for _, count := range []uint64{0, 1, direct, direct + 1, direct + fanout, direct + fanout + 1, direct + 2*fanout + 1} {
		t.Run(fmt.Sprint(count), func(t *testing.T) {
			f := newFixture(t, compression.LZ4)
			m := mem.New()
			w := &worker{Engine: f.engine(m, 1)}
			n := f.sized(count)
			o, err := putMapOf(t, w, n)
			if err != nil {
				t.Fatal(err)
			}
			checkMap(t, m, f.journal.Settings.Key, n, &o, count)
			if err := f.journal.Forget(t.Context(), n.Inode); err != nil {
				t.Fatal(err)
			}
			if err := w.Collect(t.Context()); err != nil {
				t.Fatal(err)
			}
			if n := m.Len(); n != 0 {
				t.Errorf("%d indirect blocks are left", n)
			}
		})
	}
}

func putMapOf(t *testing.T, w *worker, n state.Node) (object.Inode, error) {
	t.Helper()
	p := w.planOf(t.Context(), &n)
	return w.putMap(t.Context(), &p)
}

// sized adds a file of so many segments.
func (f *fixture) sized(segments uint64) state.Node {
	f.t.Helper()
	f.file("file", int64(clfs.FirstSegmentBytes+segments*clfs.SegmentBytes))
	return f.node(clfs.FirstSequence + 1)
}

func (f *fixture) node(ino state.Ino) state.Node {
	f.t.Helper()
	n, err := f.journal.Node(f.t.Context(), ino)
	if err != nil {
		f.t.Fatal(err)
	}
	return n
}

// checkMap looks at the segments in order.
func checkMap(t *testing.T, m *mem.Container, key clfs.Key, in state.Node, o *object.Inode, count uint64) {
	t.Helper()
	blocks := map[clfs.ID][]clfs.ID{}
	load := func(id clfs.ID) []clfs.ID {
		if blocks[id] == nil {
			i, err := object.DecodeIndirect(objectData(t, m, id, in.ID, clfs.TypeIndirect))
			if err != nil || i.Owner != in.ID || i.Ctime != blobs.CtimeSeconds(in.Attr) {
				t.Fatalf("indirect block %s: %v, owner %s, ctime %d", id, err, i.Owner, i.Ctime)
			}
			blocks[id] = i.Blocks
		}
		return blocks[id]
	}
	for i := range count {
		at, err := blockmap.Locate(i + 1)
		if err != nil {
			t.Fatal(err)
		}
		list := o.Direct
		if at.Tree >= 0 {
			list = load(o.Roots[at.Tree])
		}
		for _, step := range at.Path[:len(at.Path)-1] {
			list = load(list[step])
		}
		if got := list[at.Path[len(at.Path)-1]]; got != clfs.SegmentID(key, in.ID, 0, i) {
			t.Fatalf("segment %d: the map has %s", i, got)
		}
	}
	if m.Len() != len(blocks) {
		t.Errorf("%d indirect blocks were put, %d are needed", m.Len(), len(blocks))
	}
}

// A shorter file must lose exactly the blocks that it has not any more.
func TestAFileThatBecameShorterKeepsWhatItNeeds(t *testing.T) {
	const direct, fanout = clfs.MaxDirect - 1, clfs.IndirectFanout
	long, short := uint64(direct+2*fanout+5), uint64(direct+fanout+1)
	m, want := mem.New(), mem.New()
	for c, sizes := range map[*mem.Container][]uint64{m: {long, short}, want: {short}} {
		f := newFixture(t, compression.None)
		w := &worker{Engine: f.engine(c, 1)}
		n := f.sized(sizes[0])
		if _, err := putMapOf(t, w, n); err != nil {
			t.Fatal(err)
		}
		for _, size := range sizes[1:] {
			a := n.Attr
			a.Size = int64(clfs.FirstSegmentBytes + size*clfs.SegmentBytes)
			var err error
			if n, _, err = f.journal.Renew(t.Context(), n, a); err != nil {
				t.Fatal(err)
			}
			if _, err := putMapOf(t, w, n); err != nil {
				t.Fatal(err)
			}
		}
		if err := f.journal.RecordUploads(t.Context(), []state.Upload{{Node: n, Put: true, ContentsUploaded: true}}); err != nil {
			t.Fatal(err)
		}
		if err := w.Collect(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	same(t, blobSet(t, m), blobSet(t, want))
}

func TestAttributesAreConverted(t *testing.T) {
	f := newFixture(t, compression.None)
	var warned []string
	e, err := New(f.journal, mem.New(), Options{Concurrency: 1, Memory: MinMemory},
		Events{Warning: func(path, text string) { warned = append(warned, path) }})
	if err != nil {
		t.Fatal(err)
	}
	got := e.store.Attr(func() string { return "dev" }, state.Inode{}, state.Attr{Type: clfs.TypeChar, Mode: 0o20600, UID: 1, GID: 2, Size: 99, Ino: 5,
		Mtime: 1_500_000_000_123_456_789, Ctime: -1, Atime: 1 << 62, Rdev: 0x0801})
	want := object.Attr{Type: clfs.TypeChar, Mode: 0o20600, UID: 1, GID: 2, FileID: 5, RdevMajor: 8, RdevMinor: 1,
		Mtime: clfs.Time{Sec: 1_500_000_000, Nsec: 123_456_789}, Atime: clfs.Time{Sec: 1<<32 - 1, Nsec: 999_999_999},
		FSID: 99, ContainerID: 0x1234567}
	if got != want {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	if len(warned) != 1 || warned[0] != "dev" {
		t.Errorf("warnings for %q, want one for times that do not fit", warned)
	}
}
