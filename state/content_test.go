package state

import (
	"slices"
	"testing"

	"clfsload/clfs"
	"clfsload/state/garbage"
)

// sizeOf is the size of a file of that many whole blocks.
func sizeOf(blocks uint64) int64 {
	offset, _ := BlockRange(blocks)
	return offset
}

// upload settles a file and records that all of it was put.
func uploadFile(t *testing.T, j *Journal, ino Ino) Node {
	t.Helper()
	n := nodeOf(t, j, ino)
	if err := j.Settle(t.Context(), []Settled{{Ino: ino, Seq: n.Seq}}); err != nil {
		t.Fatal(err)
	}
	n = nodeOf(t, j, ino)
	if n.State != Queued {
		t.Fatalf("not queued: %+v", n)
	}
	u := Upload{Node: n, Put: true, Owner: clfs.RootID.Hash(), ContentsUploaded: true}
	if err := j.RecordUploads(t.Context(), []Upload{u}); err != nil {
		t.Fatal(err)
	}
	return nodeOf(t, j, ino)
}

func writeTo(t *testing.T, j *Journal, ino Ino, size int64, dirty ...uint64) {
	t.Helper()
	if _, err := j.BeginWrite(t.Context(), ino); err != nil {
		t.Fatal(err)
	}
	if err := j.DirtyBlocks(t.Context(), ino, dirty); err != nil {
		t.Fatal(err)
	}
	if _, err := j.EndWrite(t.Context(), ino, Written{Size: size, Mtime: 5, Ctime: 5}); err != nil {
		t.Fatal(err)
	}
}

func listGarbage(t *testing.T, j *Journal) []string {
	t.Helper()
	list, err := j.FreeGarbage(t.Context(), 100000)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, g := range list {
		names = slices.AppendSeq(names, g.Names())
	}
	slices.Sort(names)
	return names
}

func TestBlocksAreCountedAndPlacedAsTheFormatHasThem(t *testing.T) {
	for _, c := range []struct {
		size int64
		want uint64
	}{{0, 1}, {1, 1}, {16384, 1}, {16385, 2}, {16384 + 8388608, 2}, {16384 + 8388608 + 1, 3}} {
		if got := Blocks(c.size); got != c.want {
			t.Errorf("%d bytes: %d blocks, want %d", c.size, got, c.want)
		}
	}
	if offset, length := BlockRange(2); offset != 16384+8388608 || length != 8388608 {
		t.Errorf("block 2 is %d bytes at %d", length, offset)
	}
}

func TestOnlyTheBlocksThatChangedAreUploadedAgain(t *testing.T) {
	j := newMount(t)
	f := addNode(t, j, RootIno, "f", regular)
	writeTo(t, j, f.Ino, sizeOf(5), 0)
	n := uploadFile(t, j, f.Ino)
	if n.State != Done || n.SealedBlocks != 5 || n.Gen != 0 || n.Next != 1 || n.PutGen != 1 || n.PutVersion != 9 || n.Version != 10 {
		t.Fatalf("after the first upload: %+v", n)
	}
	writeTo(t, j, f.Ino, sizeOf(5), 2)
	rows, err := j.BlocksOf(t.Context(), f.Ino)
	if err != nil || len(rows) != 1 || rows[0] != (Block{Index: 2, Gen: 0, State: BlockDirty}) {
		t.Fatalf("rows %v, %v", rows, err)
	}
	if free := listGarbage(t, j); len(free) != 0 {
		t.Errorf("free before the new inode is put: %q", free)
	}
	uploadFile(t, j, f.Ino)
	rows, err = j.BlocksOf(t.Context(), f.Ino)
	if err != nil || len(rows) != 1 || rows[0] != (Block{Index: 2, Gen: 1, State: BlockUploaded}) {
		t.Fatalf("rows %v, %v", rows, err)
	}
	if free := listGarbage(t, j); len(free) != 2 { // the old segment, the old inode
		t.Errorf("free afterwards: %q", free)
	}
}

func TestAFileThatIsRewrittenOrCutIsUniformAgain(t *testing.T) {
	j := newMount(t)
	f := addNode(t, j, RootIno, "f", regular)
	writeTo(t, j, f.Ino, sizeOf(4), 0)
	uploadFile(t, j, f.Ino)
	if _, err := j.BeginWrite(t.Context(), f.Ino); err != nil {
		t.Fatal(err)
	}
	n, err := j.Truncate(t.Context(), f.Ino, 0, 6)
	if err != nil || n.SealedBlocks != 1 || n.Attr.Size != 0 {
		t.Fatalf("%+v, %v", n, err)
	}
	writeTo(t, j, f.Ino, sizeOf(3))
	n = uploadFile(t, j, f.Ino)
	rows, err := j.BlocksOf(t.Context(), f.Ino)
	if err != nil || len(rows) != 0 || n.Gen != 1 || n.SealedBlocks != 3 {
		t.Errorf("rows %v of %+v, %v", rows, n, err)
	}
	if free := listGarbage(t, j); len(free) != 4 { // three segments, the inode
		t.Errorf("free afterwards: %q", free)
	}
}

// A file of more segments than an inode lists has indirect blocks, which are
// written anew with each seal.
func TestIndirectBlocksOfTheLastSealBecomeGarbage(t *testing.T) {
	j := newMount(t)
	f := addNode(t, j, RootIno, "f", regular)
	const blocks = 1500
	writeTo(t, j, f.Ino, sizeOf(blocks), 0)
	uploadFile(t, j, f.Ino)
	writeTo(t, j, f.Ino, sizeOf(blocks), 7)
	n := uploadFile(t, j, f.Ino)
	var want []string
	for name := range garbage.IndirectNames(j.Settings.Key, n.ID, 0, blocks, garbage.NothingKept) {
		want = append(want, name)
	}
	free := listGarbage(t, j)
	for _, name := range want {
		if !slices.Contains(free, name) {
			t.Errorf("%s is not garbage", name)
		}
	}
	if len(want) == 0 || len(free) != len(want)+2 {
		t.Errorf("%d indirect blocks, %d blobs are garbage", len(want), len(free))
	}
	list, err := j.NamesOf(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	if names := slices.Collect(list); len(names) != 1+blocks-1+len(want) {
		t.Errorf("%d names", len(names))
	}
}

func TestWhatTimesOfAFileSayNeverGoesBack(t *testing.T) {
	j := newMount(t)
	f := addNode(t, j, RootIno, "f", regular)
	uid := uint32(3)
	if _, err := j.SetAttr(t.Context(), f.Ino, Change{UID: &uid, Ctime: 100}); err != nil {
		t.Fatal(err)
	}
	n, err := j.EndWrite(t.Context(), f.Ino, Written{Size: 0, Mtime: 50, Ctime: 50})
	if err != nil || n.Attr.Ctime != 100 || n.Attr.Mtime != 50 {
		t.Errorf("%+v, %v", n.Attr, err)
	}
	before := uploadFile(t, j, f.Ino)
	if err := j.NoteWritten(t.Context(), f.Ino, Written{Size: 0, Mtime: 50, Ctime: 50, Synced: true}); err != nil {
		t.Fatal(err)
	}
	if after := nodeOf(t, j, f.Ino); after.State != Done || after.Seq != before.Seq || after.Flags&Synced == 0 {
		t.Errorf("an fsync that had nothing to note changed it: %+v", after)
	}
}

func TestFilesWhoseWriterWasCutOffAreKeptBack(t *testing.T) {
	for _, c := range []struct {
		name     string
		synced   bool
		rebooted bool
		open     bool
		want     int
	}{
		{"closed, killed", false, false, false, 0},
		{"open, killed", false, false, true, 1},
		{"closed, power cut", false, true, false, 1},
		{"closed and fsynced, power cut", true, true, false, 0},
		{"open and fsynced, power cut", true, true, true, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			j := newMount(t)
			n, err := j.Add(t.Context(), Addition{Dir: RootIno, Name: []byte("f"), Attr: regular, Open: true})
			if err != nil {
				t.Fatal(err)
			}
			w := Written{Size: 70, Mtime: 5, Ctime: 5, Synced: c.synced}
			if err := j.NoteWritten(t.Context(), n.Ino, w); err != nil {
				t.Fatal(err)
			}
			if !c.open {
				if _, err := j.EndWrite(t.Context(), n.Ino, w); err != nil {
					t.Fatal(err)
				}
			}
			if list, err := j.CutOff(t.Context(), c.rebooted, 0, 10); err != nil || len(list) != c.want {
				t.Errorf("%d will be cut off, want %d (%v)", len(list), c.want, err)
			}
			got, err := j.Recover(t.Context(), c.rebooted, func(Ino) (int64, int64, bool) { return 90, 8, true })
			if err != nil || got != c.want {
				t.Fatalf("%d were cut off, want %d (%v)", got, c.want, err)
			}
			n = nodeOf(t, j, n.Ino)
			if c.open && (n.Attr.Size != 90 || n.Attr.Mtime != 8) {
				t.Errorf("it has not the size of its staging file: %+v", n.Attr)
			}
			if err := j.Settle(t.Context(), []Settled{{Ino: n.Ino, Seq: n.Seq}}); err != nil {
				t.Fatal(err)
			}
			if queued := nodeOf(t, j, n.Ino).State == Queued; queued != (c.want == 0) {
				t.Errorf("queued: %v", queued)
			}
			if accepted, err := j.AcceptIncomplete(t.Context()); err != nil || accepted != c.want {
				t.Errorf("%d accepted, %v", accepted, err)
			}
		})
	}
}
