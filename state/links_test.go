package state

import (
	"errors"
	"fmt"
	"testing"

	"clfsload/clfs"
	"clfsload/state/schema"
)

func TestLinksAreQueuedWhenAllNamesWereSeen(t *testing.T) {
	j, root := newJournal(t)
	add(t, j, root, link("a", 3), link("b", 3))
	if len(queued(t, j)) != 0 || last(t, j).State != schema.Linking {
		t.Fatal("queued before its last name was seen")
	}
	add(t, j, root, link("c", 3))
	q := queued(t, j)
	if len(q) != 1 || q[0].Links != 3 || string(q[0].Name) != "a" {
		t.Errorf("queued: %+v", q)
	}
	if got := j.Totals(); got.FoundInodes != 2 || got.FoundEntries != 4 || got.FoundBytes != 10 {
		t.Errorf("%+v", got)
	}
}

func TestLinksWithNamesElsewhereWaitUntilTheyAreReleased(t *testing.T) {
	j, root := newJournal(t)
	add(t, j, root, link("a", 3), subdir("d"))
	if err := j.ReleaseLinks(t.Context()); err != nil {
		t.Fatal(err)
	}
	if q := queued(t, j); len(q) != 1 || q[0].Links != 1 {
		t.Errorf("queued: %+v", q)
	}
	if err := j.ReleaseLinks(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestLinksOfDifferentTypesDevicesAndNumbersAreDifferentFiles(t *testing.T) {
	j, root := newJournal(t)
	other := []Entry{link("a", 2), link("b", 2), link("c", 2), link("d", 2)}
	other[1].Attr.Dev = 1<<64 - 1
	other[2].Attr.Ino = 1<<64 - 1
	other[3].Attr.Type = clfs.TypeFIFO
	add(t, j, root, other...)
	if got := j.Totals().FoundInodes; got != 5 {
		t.Errorf("%d inodes, want 5", got)
	}
}

func TestWithoutHardLinksEachNameIsItsOwnFile(t *testing.T) {
	s := testSettings
	s.PreserveHardlinks = false
	j, err := Create(t.TempDir()+"/state", s, directory)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	add(t, j, row(t, j, RootIno), link("a", 3), link("b", 3))
	if q := queued(t, j); len(q) != 2 || q[0].Links != 1 {
		t.Errorf("queued: %+v", q)
	}
}

func TestTheLinkAfter1023BeginsAFurtherFile(t *testing.T) {
	j, root := newJournal(t)
	var list []Entry
	for i := range clfs.MaxLinks + 2 {
		list = append(list, link(fmt.Sprintf("%04d", i), 3000))
	}
	for range 2 { // again: an interrupted listing
		add(t, j, root, list[:clfs.MaxLinks]...)
		add(t, j, root, list...)
	}
	first, second := row(t, j, clfs.FirstSequence+1), row(t, j, clfs.FirstSequence+2)
	if first.Links != clfs.MaxLinks || first.State != Queued {
		t.Errorf("first: %d links, state %d", first.Links, first.State)
	}
	if second.Links != 2 || second.State != schema.Linking || string(second.Name) != "1023" {
		t.Errorf("second: %d links, state %d, name %s", second.Links, second.State, second.Name)
	}
	if err := checkRows(j); err != nil {
		t.Error(err)
	}
	back, err := j.BackPointers(t.Context(), first)
	if err != nil || len(back) != clfs.MaxLinks {
		t.Errorf("%d back pointers, %v", len(back), err)
	}
}

func TestALinkToAFileThatIsDoneQueuesItAgain(t *testing.T) {
	j, root := newJournal(t)
	add(t, j, root, link("a", 2))
	if err := j.ReleaseLinks(t.Context()); err != nil {
		t.Fatal(err)
	}
	record(t, j, done(queued(t, j)[0]))
	if got := j.Totals(); got.DoneInodes != 1 || got.DoneBytes != 10 {
		t.Fatalf("%+v", got)
	}
	add(t, j, root, link("b", 2))
	if got := j.Totals(); got.DoneInodes != 0 || got.DoneBytes != 0 {
		t.Errorf("%+v", got)
	}
	if q := queued(t, j); len(q) != 1 || q[0].Links != 2 {
		t.Errorf("queued: %+v", q)
	}
}

func TestRecordLeavesAFileQueuedThatGotALinkMeanwhile(t *testing.T) {
	j, root := newJournal(t)
	add(t, j, root, link("a", 9))
	if err := j.ReleaseLinks(t.Context()); err != nil {
		t.Fatal(err)
	}
	taken := queued(t, j)[0]
	add(t, j, root, link("b", 9))
	record(t, j, done(taken))
	q := queued(t, j)
	if len(q) != 1 || q[0].Links != 2 || j.Totals().DoneInodes != 0 {
		t.Fatalf("queued: %+v", q)
	}
	record(t, j, done(q[0]))
	if j.Totals().DoneInodes != 1 || len(queued(t, j)) != 0 {
		t.Error("it is not done")
	}
}

func TestALinkToAFileThatFailedWaitsForTheRetry(t *testing.T) {
	j, root := newJournal(t)
	add(t, j, root, link("a", 2))
	if err := j.ReleaseLinks(t.Context()); err != nil {
		t.Fatal(err)
	}
	recordFailure(t, j, queued(t, j)[0], Failure{Op: "read", Reason: "broken"})
	add(t, j, root, link("b", 2))
	if err := checkRows(j); err != nil {
		t.Error(err)
	}
	if len(queued(t, j)) != 0 {
		t.Error("queued while its failure stands")
	}
	if err := j.RetryFailures(t.Context()); err != nil {
		t.Fatal(err)
	}
	if q := queued(t, j); len(q) != 1 || q[0].Links != 2 {
		t.Errorf("queued: %+v", q)
	}
}

func TestBackPointersBeginWithTheFirstName(t *testing.T) {
	j, root := newJournal(t)
	var dirs []Inode
	for _, name := range []string{"d1", "d2"} {
		add(t, j, root, subdir(name))
		dirs = append(dirs, last(t, j))
	}
	add(t, j, dirs[1], link("z", 4))
	in := last(t, j)
	add(t, j, dirs[0], link("a", 4), link("b", 4))
	add(t, j, root, link("0", 4))
	in = row(t, j, in.Ino)
	back, err := j.BackPointers(t.Context(), in)
	if err != nil || len(back) != 4 || back[0] != dirs[1].ID {
		t.Fatalf("%v, %v: want the directory of the first name in front", back, err)
	}
	times := map[clfs.ID]int{}
	for _, id := range back {
		times[id]++
	}
	if times[dirs[0].ID] != 2 || times[root.ID] != 1 {
		t.Errorf("%v: want an entry for each name", times)
	}
	// Whoever read the inode before it was renamed must not take another directory for
	// its first.
	in.Name = []byte("before")
	if back, err := j.BackPointers(t.Context(), in); !errors.Is(err, ErrNoEntry) {
		t.Errorf("of a name that is gone: %v, %v", back, err)
	}
}
