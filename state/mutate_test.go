package state

import (
	"errors"
	"fmt"
	"sync"
	"testing"
)

func TestARefusedChangeTakesNoOtherWithIt(t *testing.T) {
	j := newPatientMount(t)
	addNode(t, j, RootIno, "taken", regular)
	var mu sync.Mutex
	transactions := map[*tx]int{}
	const n = 20
	errs := gathered(t, j, n, func(i int) error {
		return j.mutate(t.Context(), func(tx *tx) error {
			mu.Lock()
			transactions[tx]++
			mu.Unlock()
			name := fmt.Sprint(i)
			if i%3 == 0 {
				name = "taken"
			}
			_, err := tx.add(&Addition{Dir: RootIno, Name: []byte(name), Attr: regular})
			return err
		})
	})
	for i, err := range errs {
		if refused := i%3 == 0; refused != errors.Is(err, ErrNameTaken) || !refused && err != nil {
			t.Errorf("change %d: %v", i, err)
		}
	}
	if len(transactions) != 1 {
		t.Errorf("they took %d transactions", len(transactions))
	}
	list, err := j.List(t.Context(), RootIno, 0, 100)
	if err != nil || len(list) != 1+n-n/3-1 {
		t.Errorf("%d entries, %v", len(list), err)
	}
}

func TestSyncWaitsForTheDiskOnlyWhenSomethingWasCommitted(t *testing.T) {
	j := newPatientMount(t)
	d := &j.write.disk
	addNode(t, j, RootIno, "a", regular)
	if d.synced.Load() == d.written.Load() && !j.write.behind.Load() {
		t.Error("a change of the namespace waited for the disk")
	}
	if err := j.Sync(t.Context()); err != nil || d.synced.Load() != d.written.Load() {
		t.Errorf("not durable after Sync: %d of %d, %v", d.synced.Load(), d.written.Load(), err)
	}
	if err := d.log.Close(); err != nil {
		t.Fatal(err)
	}
	if err := j.Sync(t.Context()); err != nil {
		t.Errorf("Sync of nothing: %v", err)
	}
	addNode(t, j, RootIno, "b", regular)
	if err := j.Sync(t.Context()); err == nil {
		t.Error("a failed fsync was not reported")
	}
	if err := j.Settle(t.Context(), nil); err == nil {
		t.Error("what was promised to be durable was acknowledged after a failed fsync")
	}
}

func TestTheJournalOfALoadIsDurableByItself(t *testing.T) {
	j, _ := newJournal(t)
	var level int
	if err := j.write.conn.QueryRowContext(t.Context(), `PRAGMA synchronous`).Scan(&level); err != nil || level != 2 {
		t.Errorf("synchronous is %d, want FULL (%v)", level, err)
	}
	if !j.write.disk.waits || j.write.mount != nil {
		t.Error("it has what only a mount needs")
	}
}

func TestAMountsJournalIsReadAsItWasClosed(t *testing.T) {
	j := newMount(t)
	d := addNode(t, j, RootIno, "d", directory)
	f := addNode(t, j, d.Ino, "f", regular)
	want := j.MountTotals()
	seq := j.Seq()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Open(j.Dir())
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if again.Settings.Kind != KindMount || again.MountTotals() != want || again.Seq() != seq {
		t.Errorf("%+v, %d, want %+v, %d", again.MountTotals(), again.Seq(), want, seq)
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
	durable := func() bool {
		return !j.write.behind.Load() && j.write.disk.synced.Load() == j.write.disk.written.Load()
	}
	writeTo(t, j, f.Ino, 10, 0)
	if durable() {
		t.Error("the first write to a file waits for the disk")
	}
	writeTo(t, j, f.Ino, 10, 0)
	if durable() {
		t.Error("a file that is incomplete after a power cut waits for the disk")
	}
	upload(t, j, f.Ino)
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
