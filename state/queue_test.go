package state

import (
	"errors"
	"fmt"
	"slices"
	"testing"
)

func TestRecordCompletesAnInodeAsItWasWritten(t *testing.T) {
	j, root := newJournal(t)
	add(t, j, root, file("a", 10))
	in := last(t, j)
	record(t, j, Outcome{Inode: in, Progress: &Progress{Segments: 3, Attr: in.Attr}})
	p, err := j.ProgressOf(t.Context(), in.Ino)
	if err != nil || p.Segments != 3 || p.Attr.Size != 10 || p.Attr.Mtime != in.Attr.Mtime || p.Attr.Ctime != in.Attr.Ctime {
		t.Errorf("progress %+v, %v", p, err)
	}
	written := in.Attr
	written.Size, written.Mtime, written.Mode = 25, 99, 0o100600
	record(t, j, Outcome{Inode: in, Attr: written})
	if got := row(t, j, in.Ino); got.Attr != written || got.State != Done {
		t.Errorf("%+v", got)
	}
	if p, err := j.ProgressOf(t.Context(), in.Ino); p != (Progress{}) || err != nil {
		t.Errorf("progress of what is done: %+v, %v", p, err)
	}
	if err := checkRows(j); err != nil {
		t.Error(err)
	}
}

func TestRecordDoesNotCountAnInodeTwice(t *testing.T) {
	j, root := newJournal(t)
	add(t, j, root, file("a", 10))
	record(t, j, done(last(t, j)))
	record(t, j, done(last(t, j)))
	if err := checkRows(j); err != nil {
		t.Error(err)
	}
}

func TestGrowIsInTheJournalAndInTheTotals(t *testing.T) {
	j, root := newJournal(t)
	add(t, j, root, file("a", 10))
	in := last(t, j)
	if err := j.Grow(t.Context(), in, 1000); err != nil {
		t.Fatal(err)
	}
	if got := row(t, j, in.Ino); got.Attr.Size != 1000 || got.State != Queued {
		t.Errorf("%+v", got)
	}
	if err := checkRows(j); err != nil {
		t.Error(err)
	}
	in.Attr.Size = 1000
	written := in.Attr
	written.Size = 7
	record(t, j, Outcome{Inode: in, Attr: written})
	if got := j.Totals(); got.FoundBytes != 7 || got.DoneBytes != 7 {
		t.Errorf("%+v", got)
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
		page, err := j.Queued(t.Context(), after, 10)
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
			return j.ReleaseHeld(t.Context())
		}},
		{"failures are tried again", func() error { return j.RetryFailures(t.Context()) }},
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
	if err := j.EachFailure(t.Context(), func(f Failure) error {
		list = append(list, f.Path+": "+f.Op+": "+f.Reason)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return list
}

func TestFailuresAreListedAndTriedAgainFromWhereTheyCame(t *testing.T) {
	j, root := newJournal(t)
	problem := Problem{Op: "read", Reason: "broken"}
	if err := j.AddEntries(t.Context(), root, []Entry{file("f", 10), subdir("d"), subdir("e"),
		{Name: []byte("x\n"), Problem: &Problem{Op: "lstat", Reason: "gone wrong"}}}, true); err != nil {
		t.Fatal(err)
	}
	f, d, e := row(t, j, 1001), row(t, j, 1002), row(t, j, 1003)
	record(t, j, Outcome{Inode: f, Problem: &problem})
	if err := j.FailDirectory(t.Context(), d, Problem{Op: "open", Reason: "denied"}); err != nil {
		t.Fatal(err)
	}
	if err := j.AddEntries(t.Context(), e, []Entry{{Name: []byte("y"), Problem: &problem}}, true); err != nil {
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
	for _, c := range []struct {
		in   Inode
		want State
	}{{f, Queued}, {d, Unscanned}, {e, Unscanned}, {root, Unscanned}} {
		if got := row(t, j, c.in.Ino).State; got != c.want {
			t.Errorf("%q is in state %d, want %d", c.in.Name, got, c.want)
		}
	}
	if j.Totals().Failures != 0 || len(failures(t, j)) != 0 {
		t.Error("failures are left")
	}
}

func TestManyFailuresAreListedOnce(t *testing.T) {
	j, root := newJournal(t)
	var list []Entry
	for i := range 2500 {
		list = append(list, Entry{Name: fmt.Appendf(nil, "%04d", i), Problem: &Problem{Op: "lstat", Reason: "x"}})
	}
	add(t, j, root, list...)
	add(t, j, root, list[:100]...)
	if got := failures(t, j); len(got) != 2500 || !slices.IsSorted(got) || j.Totals().Failures != 2500 {
		t.Errorf("%d failures, %d in the totals", len(got), j.Totals().Failures)
	}
	stop := errors.New("stop")
	if err := j.EachFailure(t.Context(), func(Failure) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("EachFailure: %v", err)
	}
}

// A file that failed, and whose name cannot be looked at either when its
// directory is listed again, must be tried again all the same.
func TestAProblemWithAKnownNameDoesNotHideItsInode(t *testing.T) {
	j, root := newJournal(t)
	add(t, j, root, file("f", 10))
	record(t, j, Outcome{Inode: last(t, j), Problem: &Problem{Op: "read", Reason: "broken"}})
	add(t, j, root, Entry{Name: []byte("f"), Problem: &Problem{Op: "lstat", Reason: "broken"}})
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

func TestHeldDirectoriesAreListedByDepth(t *testing.T) {
	j, root := newJournal(t)
	if err := j.AddEntries(t.Context(), root, []Entry{subdir("a"), subdir("b")}, true); err != nil {
		t.Fatal(err)
	}
	for _, ino := range []Ino{1001, 1002} {
		if err := j.AddEntries(t.Context(), row(t, j, ino), []Entry{subdir("deep")}, true); err != nil {
			t.Fatal(err)
		}
	}
	if depth, ok, err := j.DeepestHeld(t.Context()); depth != 1 || !ok || err != nil {
		t.Errorf("deepest %d, %v, %v", depth, ok, err)
	}
	first, err := j.HeldDirectories(t.Context(), 1, 0, 1)
	if err != nil || len(first) != 1 || first[0].Ino != 1001 {
		t.Fatalf("%+v, %v", first, err)
	}
	rest, err := j.HeldDirectories(t.Context(), 1, first[0].Ino, 10)
	if err != nil || len(rest) != 1 || rest[0].Ino != 1002 {
		t.Errorf("%+v, %v", rest, err)
	}
	record(t, j, done(first[0]), done(rest[0]), done(root))
	if _, ok, err := j.DeepestHeld(t.Context()); ok || err != nil {
		t.Errorf("held directories are left: %v", err)
	}
}
