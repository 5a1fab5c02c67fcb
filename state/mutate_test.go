package state

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"clfsload/state/namespace"
	"clfsload/state/store"
)

func TestARefusedChangeTakesNoOtherWithIt(t *testing.T) {
	j := newPatientMount(t)
	addNode(t, j, RootIno, "taken", regular)
	const n = 20
	errs := make([]error, n)
	var working sync.WaitGroup
	for i := range n {
		working.Go(func() {
			errs[i] = j.Write(t.Context(), store.Committed, func(tx *store.Tx) error {
				name := fmt.Sprint(i)
				if i%3 == 0 {
					name = "taken"
				}
				_, err := namespace.Create(tx, &Addition{Dir: RootIno, Name: []byte(name), Attr: regular})
				return err
			})
		})
	}
	working.Wait()
	for i, err := range errs {
		if refused := i%3 == 0; refused != errors.Is(err, ErrNameTaken) || !refused && err != nil {
			t.Errorf("change %d: %v", i, err)
		}
	}
	list, err := j.List(t.Context(), RootIno, 0, 100)
	if err != nil || len(list) != 1+n-n/3-1 {
		t.Errorf("%d entries, %v", len(list), err)
	}
}

func TestAfterSyncAllIsDurable(t *testing.T) {
	j := newPatientMount(t)
	addNode(t, j, RootIno, "a", regular)
	if isCommitted(t, j) {
		t.Error("a change of the namespace waited for a commit")
	}
	if err := j.Sync(t.Context()); err != nil || !isCommitted(t, j) || !isDurable(t, j) {
		t.Errorf("not durable after Sync: %v", err)
	}
}

func TestTheJournalOfALoadIsDurableByItself(t *testing.T) {
	j, root := newJournal(t)
	changes := []func() error{
		func() error { return j.SetPhase(t.Context(), PhaseTransfer) },
		func() error { return j.SetMark(t.Context(), Mark{}) },
		func() error { return j.RenewDirectory(t.Context(), root, directory) },
		func() error { return j.AddEntries(t.Context(), root, []Entry{file("a", 1), file("b", 1)}, true) },
		func() error { _, _, err := j.Renew(t.Context(), lastNode(t, j), file("b", 2).Attr); return err },
		func() error { _, err := j.Reserve(t.Context(), nodeOf(t, j, RootIno), 2, true); return err },
		func() error { return j.FailDirectory(t.Context(), root, Failure{Op: "open"}) },
		func() error { return j.LeaveOut(t.Context()) },
		func() error { return j.RetryFailures(t.Context()) },
		func() error { return j.ReleaseLinks(t.Context()) },
		func() error { return j.Forget(t.Context(), last(t, j)) },
	}
	for i, change := range changes {
		if err := change(); err != nil || !isDurable(t, j) {
			t.Errorf("change %d does not survive a power cut: %v", i, err)
		}
	}
}

func TestAMountsJournalIsReadAsItWasClosed(t *testing.T) {
	j := newMount(t)
	d := addNode(t, j, RootIno, "d", directory)
	f := addNode(t, j, d.Ino, "f", regular)
	want := j.Counts()
	seq := j.Seq()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Open(j.Dir())
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if again.Settings.Kind != KindMount || again.Counts() != want || again.Seq() != seq {
		t.Errorf("%+v, %d, want %+v, %d", again.Counts(), again.Seq(), want, seq)
	}
	if got := nodeOf(t, again, f.Ino); got.ID != f.ID {
		t.Errorf("%+v, want %+v", got, f)
	}
	if next := addNode(t, again, d.Ino, "g", regular); next.Ino <= f.Ino {
		t.Errorf("number %d after %d", next.Ino, f.Ino)
	}
}

// The staging file of such a file changes at once: after a power cut the journal must not
// say that it is what it was.
func TestWritingToAFileIsDurableWhereItWouldPassForWhole(t *testing.T) {
	j := newPatientMount(t)
	f := addNode(t, j, RootIno, "f", regular)
	durable := func() bool { return isCommitted(t, j) && isDurable(t, j) }
	writeTo(t, j, f.Ino, 10, 0)
	if durable() {
		t.Error("the first write to a file waits for the disk")
	}
	writeTo(t, j, f.Ino, 10, 0)
	if durable() {
		t.Error("a file that is incomplete after a power cut waits for the disk")
	}
	uploadFile(t, j, f.Ino)
	addNode(t, j, RootIno, "g", regular)
	if _, err := j.BeginWrite(t.Context(), f.Ino); err != nil || !durable() {
		t.Errorf("a file that was uploaded would pass for whole: %v", err)
	}
}

func TestAfterAPowerCutNoNumberOfAnInodeIsUsedAgain(t *testing.T) {
	j := newMount(t)
	before := j.LastIno()
	if _, err := j.Recover(t.Context(), true, func(Ino) (int64, int64, bool) { return 0, 0, false }); err != nil {
		t.Fatal(err)
	}
	if n := addNode(t, j, RootIno, "f", regular); n.Ino < before+100_000 {
		t.Errorf("inode %d comes soon after %d", n.Ino, before)
	}
}
