package state

import (
	"slices"
	"testing"

	"clfsload/state/contents"
	"clfsload/state/garbage"
	"clfsload/state/schema"
)

// farSize is the size of a file of two million blocks.
const farSize = 16 << 40

func namesOf(t *testing.T, j *Journal, ino Ino) []string {
	t.Helper()
	list, err := j.NamesOf(t.Context(), nodeOf(t, j, ino))
	if err != nil {
		t.Fatal(err)
	}
	return slices.Collect(list)
}

func rowsOf(t *testing.T, j *Journal, table string) (n int) {
	t.Helper()
	if err := j.Row(t.Context(), `SELECT count(*) FROM `+table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func truncateTo(t *testing.T, j *Journal, ino Ino, size int64) {
	t.Helper()
	if _, err := j.BeginWrite(t.Context(), ino); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Truncate(t.Context(), ino, size, 7); err != nil {
		t.Fatal(err)
	}
	if _, err := j.EndWrite(t.Context(), ino, Written{Size: size, Mtime: 7, Ctime: 7}); err != nil {
		t.Fatal(err)
	}
}

func settleOne(t *testing.T, j *Journal, ino Ino) Node {
	t.Helper()
	n := nodeOf(t, j, ino)
	if err := j.Settle(t.Context(), []Settled{{Ino: ino, Seq: n.Seq}}); err != nil {
		t.Fatal(err)
	}
	return nodeOf(t, j, ino)
}

func TestASparseFileHasLeftWhatWasUploadedOfItNotWhatItsSizeIs(t *testing.T) {
	j := newMount(t)
	f := addNode(t, j, RootIno, "f", regular)
	truncateTo(t, j, f.Ino, farSize)
	n := settleOne(t, j, f.Ino)
	if got := len(namesOf(t, j, f.Ino)); got >= 2*contents.SettledPeak {
		t.Errorf("%d blobs may be in the container before anything is uploaded", got)
	}
	if ok, err := j.ReserveBlocks(t.Context(), n, 5000); !ok || err != nil {
		t.Fatal(ok, err)
	}
	if got := len(namesOf(t, j, f.Ino)); got < 4999 || got > 5010 {
		t.Errorf("%d blobs may be in the container of 4999 segments that are reserved", got)
	}
	truncateTo(t, j, f.Ino, 0)
	before := rowsOf(t, j, "garbage")
	uploadFile(t, j, f.Ino)
	if rows := rowsOf(t, j, "garbage") - before; rows > 10 {
		t.Errorf("%d rows for what is garbage", rows)
	}
	if got := len(listGarbage(t, j)); got < 4999 || got > 5010 {
		t.Errorf("%d blobs are garbage", got)
	}
}

func TestBlocksOfAFileThatChangedOrIsGoneAreNotReserved(t *testing.T) {
	j := newMount(t)
	f := addNode(t, j, RootIno, "f", regular)
	truncateTo(t, j, f.Ino, farSize)
	taken := settleOne(t, j, f.Ino)
	truncateTo(t, j, f.Ino, 0)
	uploadFile(t, j, f.Ino)
	if ok, err := j.ReserveBlocks(t.Context(), taken, 5000); ok || err != nil {
		t.Errorf("sealed since: %v, %v", ok, err)
	}
	taken = nodeOf(t, j, f.Ino)
	if _, err := j.Unlink(t.Context(), RootIno, []byte("f"), 9, func(Ino) bool { return false }); err != nil {
		t.Fatal(err)
	}
	if ok, err := j.ReserveBlocks(t.Context(), taken, 5000); ok || err != nil {
		t.Errorf("removed: %v, %v", ok, err)
	}
}

func TestABlockThatWasUploadedEarlyFarOutIsOneBlobToDelete(t *testing.T) {
	const far = 2_000_000
	for _, c := range []struct {
		what string
		end  func(t *testing.T, j *Journal, ino Ino) []string
	}{
		{"the file is removed", func(t *testing.T, j *Journal, ino Ino) []string { return namesOf(t, j, ino) }},
		{"the file is cut", func(t *testing.T, j *Journal, ino Ino) []string {
			truncateTo(t, j, ino, 0)
			uploadFile(t, j, ino)
			return listGarbage(t, j)
		}},
	} {
		for _, recorded := range []bool{false, true} {
			j := newMount(t)
			f := addNode(t, j, RootIno, "f", regular)
			if _, err := j.BeginWrite(t.Context(), f.Ino); err != nil {
				t.Fatal(err)
			}
			if err := j.QueueBlock(t.Context(), f.Ino, far); err != nil {
				t.Fatal(err)
			}
			n := nodeOf(t, j, f.Ino)
			if recorded {
				o := BlockOutcome{Ino: f.Ino, Index: far, Gen: n.Next, Cseq: n.Cseq, Early: true}
				if err := j.RecordBlocks(t.Context(), []BlockOutcome{o}); err != nil {
					t.Fatal(err)
				}
			}
			want := []string{garbage.SegmentName(j.Settings.Key, f.ID, n.Next, far)}
			if got := c.end(t, j, f.Ino); !slices.Equal(got, want) {
				t.Errorf("%s, recorded %v: %d blobs, want %q", c.what, recorded, len(got), want)
			}
		}
	}
}

func TestCuttingAnUploadedFileIsOneRowForAllItsSegments(t *testing.T) {
	j := newMount(t)
	f := addNode(t, j, RootIno, "f", regular)
	const blocks = 100_000
	truncateTo(t, j, f.Ino, sizeOf(blocks))
	n := uploadFile(t, j, f.Ino)
	before := rowsOf(t, j, "garbage")
	if _, err := j.BeginWrite(t.Context(), f.Ino); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Truncate(t.Context(), f.Ino, 0, 8); err != nil {
		t.Fatal(err)
	}
	if rows := rowsOf(t, j, "garbage") - before; rows != 1 {
		t.Errorf("%d rows", rows)
	}
	if _, err := j.EndWrite(t.Context(), f.Ino, Written{Mtime: 8, Ctime: 8}); err != nil {
		t.Fatal(err)
	}
	uploadFile(t, j, f.Ino)
	free := listGarbage(t, j)
	for _, index := range []uint64{1, 2, blocks / 2, blocks - 1} {
		if _, found := slices.BinarySearch(free, garbage.SegmentName(j.Settings.Key, n.ID, n.Gen, index)); !found {
			t.Errorf("segment of block %d is not garbage", index)
		}
	}
	if len(free) != len(slices.Compact(free)) {
		t.Error("a blob is garbage twice")
	}
}

func TestRunsOfSegmentsAreReadAsTheyWereWritten(t *testing.T) {
	r := garbage.SegmentRun{Owner: "\x00id with spaces \xff", Gen: 7, From: 1, To: 1 << 40}
	if got, ok := garbage.ParseSegmentRun(r.String()); !ok || got != r {
		t.Errorf("%+v, %v", got, ok)
	}
	if _, ok := garbage.ParseSegmentRun("0123456789ABCDEF_00.0001.0123456789ABCDEF.00000000009.FFFFFFFF.0002"); ok {
		t.Error("the name of a blob is taken for a run")
	}
}

func TestGapsAreTheBlocksWithoutARow(t *testing.T) {
	rows := []Block{{Index: 0}, {Index: 3}, {Index: 4}, {Index: 9}}
	for _, c := range []struct {
		from, to uint64
		want     []uint64
	}{
		{0, 10, []uint64{1, 3, 5, 9}}, {3, 5, nil}, {2, 4, []uint64{2, 3}}, {5, 20, []uint64{5, 9, 10, 20}}, {7, 7, nil}, {8, 3, nil},
	} {
		var got []uint64
		for from, to := range schema.Gaps(rows, c.from, c.to) {
			got = append(got, from, to)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%d to %d: %v, want %v", c.from, c.to, got, c.want)
		}
	}
}
