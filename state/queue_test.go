package state

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"clfsload/clfs"
	"clfsload/state/contents"
	"clfsload/state/schema"
	"clfsload/state/store"
	"clfsload/state/upload"
)

func TestWhatIsUploadedIsDoneAsItWasFound(t *testing.T) {
	for _, size := range []int64{0, 10, clfs.FirstSegmentBytes + 1, clfs.FirstSegmentBytes + 5*clfs.SegmentBytes} {
		j, root := newJournal(t)
		add(t, j, root, file("a", size))
		in := lastNode(t, j)
		record(t, j, done(in))
		got := nodeOf(t, j, in.Ino)
		if got.Attr != in.Attr || got.State != Done || got.SealedBlocks != Blocks(size) || got.MappedBlocks != Blocks(size) || got.Next != 1 || got.Gen != 0 ||
			got.PutVersion != clfs.FirstVersion || got.Version != clfs.FirstVersion+1 || got.PutPub != 1 || !got.ContentsCurrent() || got.Flags != Evicted {
			t.Errorf("of %d bytes: %+v", size, got)
		}
		if err := checkRows(j); err != nil {
			t.Error(err)
		}
	}
}

// A file without changes since it was found is recorded without its row being read.
func TestTheShortWayToRecordIsTheLongOne(t *testing.T) {
	var short, long Node
	for _, n := range []*Node{&short, &long} {
		j, root := newJournal(t)
		add(t, j, root, file("a", clfs.FirstSegmentBytes+9))
		in := lastNode(t, j)
		u := done(in)
		if n == &long {
			err := j.Write(t.Context(), store.Durable, func(tx *store.Tx) error {
				n, err := tx.Node(in.Ino)
				if err != nil {
					return err
				}
				before := *n
				if err := contents.Seal(tx, n); err != nil {
					return err
				}
				if err := upload.RecordInode(tx, n, &u); err != nil {
					return err
				}
				return tx.Save(&before, n)
			})
			if err != nil {
				t.Fatal(err)
			}
		} else {
			record(t, j, u)
		}
		*n = nodeOf(t, j, in.Ino)
		if err := checkRows(j); err != nil {
			t.Error(err)
		}
	}
	short.Name, long.Name = nil, nil
	if !reflect.DeepEqual(short, long) {
		t.Errorf("\n%+v\n%+v", short, long)
	}
}

func TestRecordDoesNotCountAnInodeTwice(t *testing.T) {
	j, root := newJournal(t)
	add(t, j, root, file("a", 10))
	n := lastNode(t, j)
	record(t, j, done(n))
	record(t, j, done(n))
	if err := checkRows(j); err != nil {
		t.Error(err)
	}
}

func TestWhatAFileHasBecomeIsInTheJournalAndInTheTotals(t *testing.T) {
	j, root := newJournal(t)
	add(t, j, root, file("a", 10))
	n := lastNode(t, j)
	for _, size := range []int64{1000, 7} {
		a := n.Attr
		a.Size, a.Mtime, a.Mode, a.Ino = size, size, 0o100600, uint64(size)
		n = renew(t, j, n, a)
		if got := nodeOf(t, j, n.Ino); got.Attr != a || got.State != Queued || got.Attr != n.Attr || got.Seq != n.Seq || j.Totals().FoundBytes != uint64(size) {
			t.Errorf("%+v", got)
		}
	}
	record(t, j, done(n))
	if got := j.Totals(); got.FoundBytes != 7 || got.DoneBytes != 7 {
		t.Errorf("%+v", got)
	}
	if err := checkRows(j); err != nil {
		t.Error(err)
	}
}

// What was uploaded of a file that has changed is put again under the same names.
func TestBlocksOfAFileThatChangedAreUploadedAgain(t *testing.T) {
	j, root := newJournal(t)
	add(t, j, root, file("a", clfs.FirstSegmentBytes+5*clfs.SegmentBytes))
	n := lastNode(t, j)
	for index := range uint64(4) {
		if err := j.RecordBlocks(t.Context(), []BlockOutcome{{Ino: n.Ino, Index: index + 1, Gen: n.Next, Cseq: n.Cseq}}); err != nil {
			t.Fatal(err)
		}
	}
	a := n.Attr
	a.Size = clfs.FirstSegmentBytes + 2*clfs.SegmentBytes
	n = renew(t, j, n, a)
	rows, err := j.BlocksOf(t.Context(), n.Ino)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range rows {
		if b.IsUp() {
			t.Errorf("block %d passes for uploaded", b.Index)
		}
	}
	record(t, j, done(n))
	if n = nodeOf(t, j, n.Ino); n.Gen != 0 || n.Next != 1 || n.SealedBlocks != 3 {
		t.Errorf("%+v", n)
	}
	garbage, err := j.FreeGarbage(t.Context(), 100)
	if err != nil {
		t.Fatal(err)
	}
	names := 0
	for _, g := range garbage {
		for range g.Names() {
			names++
		}
	}
	if names != 3 {
		t.Errorf("%d blobs are garbage, want the 3 segments that it has lost", names)
	}
}

func TestTheQueueIsReadInPagesInOrder(t *testing.T) {
	j, root := newJournal(t)
	var list []Entry
	for i := range 25 {
		list = append(list, file(fmt.Sprint(i), 1))
	}
	add(t, j, root, list...)
	var inos []Ino
	for after := Ino(0); ; {
		page, err := j.QueuedNodes(t.Context(), after, 10)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		for _, in := range page {
			inos = append(inos, in.Ino)
		}
		after = page[len(page)-1].Ino
	}
	if len(inos) != 25 || !slices.IsSorted(inos) {
		t.Errorf("%v", inos)
	}
}

func TestWhoWaitsForWorkIsWoken(t *testing.T) {
	j, root := newJournal(t)
	for _, c := range []struct {
		name string
		do   func() error
	}{
		{"a file is found", func() error { return j.AddEntries(t.Context(), root, []Entry{file("a", 1)}, false) }},
		{"links are released", func() error {
			if err := j.AddEntries(t.Context(), root, []Entry{link("l", 9)}, false); err != nil {
				return err
			}
			return j.ReleaseLinks(t.Context())
		}},
		{"failures are tried again", func() error {
			recordFailure(t, j, lastNode(t, j), Failure{Op: "read", Reason: "broken"})
			return j.RetryFailures(t.Context())
		}},
	} {
		changed := j.Changed()
		if err := c.do(); err != nil {
			t.Fatal(err)
		}
		select {
		case <-changed:
		default:
			t.Errorf("%s: nobody is woken", c.name)
		}
	}
}

// failures lists "path: op: reason".
func failures(t *testing.T, j *Journal) (list []string) {
	t.Helper()
	if err := j.EachFailure(t.Context(), func(f FailedEntry) error {
		list = append(list, f.Path+": "+f.Op+": "+f.Reason)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return list
}

func TestFailuresAreListedAndTriedAgainFromWhereTheyCame(t *testing.T) {
	j, root := newJournal(t)
	problem := Failure{Op: "read", Reason: "broken"}
	if err := j.AddEntries(t.Context(), root, []Entry{file("f", 10), subdir("d"), subdir("e"),
		{Name: []byte("x\n"), Failure: &Failure{Op: "lstat", Reason: "gone wrong"}}}, true); err != nil {
		t.Fatal(err)
	}
	f, d, e := nodeOf(t, j, 1001), row(t, j, 1002), row(t, j, 1003)
	recordFailure(t, j, f, problem)
	if err := j.FailDirectory(t.Context(), d, Failure{Op: "open", Reason: "denied"}); err != nil {
		t.Fatal(err)
	}
	if err := j.AddEntries(t.Context(), e, []Entry{{Name: []byte("y"), Failure: &problem}}, true); err != nil {
		t.Fatal(err)
	}
	want := []string{"d: open: denied", "f: read: broken", "x\n: lstat: gone wrong", "e/y: read: broken"}
	if got := failures(t, j); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if err := checkRows(j); err != nil {
		t.Error(err)
	}
	if err := j.RetryFailures(t.Context()); err != nil {
		t.Fatal(err)
	}
	for ino, want := range map[Ino]schema.State{f.Ino: Queued, d.Ino: Held, e.Ino: Held, root.Ino: Held} {
		if got := row(t, j, ino).State; got != want {
			t.Errorf("%d is in state %d, want %d", ino, got, want)
		}
	}
	if got := unscanned(t, j); !slices.Equal(got, []Ino{root.Ino, d.Ino, e.Ino}) {
		t.Errorf("%d are to be listed", got)
	}
	if j.Totals().Failures != 0 || len(failures(t, j)) != 0 {
		t.Error("failures are left")
	}
}

func TestManyFailuresAreListedOnce(t *testing.T) {
	j, root := newJournal(t)
	var list []Entry
	for i := range 2500 {
		list = append(list, Entry{Name: fmt.Appendf(nil, "%04d", i), Failure: &Failure{Op: "lstat", Reason: "x"}})
	}
	add(t, j, root, list...)
	add(t, j, root, list[:100]...)
	if got := failures(t, j); len(got) != 2500 || !slices.IsSorted(got) || j.Totals().Failures != 2500 {
		t.Errorf("%d failures, %d in the totals", len(got), j.Totals().Failures)
	}
	stop := errors.New("stop")
	if err := j.EachFailure(t.Context(), func(FailedEntry) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("EachFailure: %v", err)
	}
}

// A file that failed, and whose name cannot be looked at either when its
// directory is listed again, must be tried again all the same.
func TestAProblemWithAKnownNameDoesNotHideItsInode(t *testing.T) {
	j, root := newJournal(t)
	add(t, j, root, file("f", 10))
	recordFailure(t, j, lastNode(t, j), Failure{Op: "read", Reason: "broken"})
	add(t, j, root, Entry{Name: []byte("f"), Failure: &Failure{Op: "lstat", Reason: "broken"}})
	if err := checkRows(j); err != nil {
		t.Error(err)
	}
	if err := j.RetryFailures(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(queued(t, j)) != 1 {
		t.Error("the file is not tried again")
	}
}

func TestTheShortListOfTheQueueIsTheLongOne(t *testing.T) {
	j, root := newJournal(t)
	add(t, j, root, file("a", 10), file("b", clfs.FirstSegmentBytes+3*clfs.SegmentBytes), link("c", 1), subdir("d"),
		Entry{Name: []byte("e"), Attr: Attr{Type: clfs.TypeSymlink, Mode: 0o120777, Size: 1, Nlink: 1, Ino: 1 << 63}, Target: []byte("t")})
	changed := queued(t, j)[0]
	a := changed.Attr
	a.Size = 20
	renew(t, j, changed, a)
	short, err := j.QueuedFound(t.Context(), 0, 10)
	if err != nil {
		t.Fatal(err)
	}
	long := queued(t, j)
	for i := range long {
		if long[i].PutVersion == 0 && long[i].Seq == 0 {
			long[i].PutOwner = 0
		}
	}
	if len(long) != 4 || !reflect.DeepEqual(short, long) {
		t.Errorf("\n%+v\n%+v", short, long)
	}
}
