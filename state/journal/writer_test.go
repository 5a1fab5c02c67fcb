package journal

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"golang.org/x/sync/errgroup"
)

// gathered makes n changes that all wait when the writer has its turn, and returns
// what became of each.
func gathered(t *testing.T, j *testJournal, n int, change func(i int) error) []error {
	t.Helper()
	release, holding := make(chan struct{}), make(chan struct{})
	var g errgroup.Group
	g.Go(func() error {
		return j.Write(t.Context(), Committed, func() error { close(holding); <-release; return nil })
	})
	<-holding // the others now gather behind it
	errs := make([]error, n)
	var others sync.WaitGroup
	for i := range n {
		others.Go(func() { errs[i] = change(i) })
	}
	for len(j.write.queue) < n {
		runtime.Gosched()
	}
	close(release)
	others.Wait()
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	return errs
}

func TestAFailingChangeTakesNoOtherWithIt(t *testing.T) {
	broken := errors.New("broken")
	for _, d := range []Durability{Acknowledged, Committed, Durable} {
		j := newJournal(t)
		errs := gathered(t, j, 20, func(i int) error {
			return j.Write(t.Context(), d, func() error {
				j.names.put(fmt.Sprint(i))
				if i%7 == 3 {
					return broken
				}
				return nil
			})
		})
		good := 0
		for i, err := range errs {
			if failing := i%7 == 3; failing != errors.Is(err, broken) || !failing && err != nil {
				t.Errorf("change %d: %v", i, err)
			}
			if err == nil {
				good++
			}
		}
		mustHold(t, j, good)
	}
}

func TestChangesThatWaitAreCommittedTogether(t *testing.T) {
	j := newJournal(t)
	const n = 50
	before := j.write.disk.written
	for i, err := range gathered(t, j, n, func(i int) error { return j.add(t.Context(), Durable, fmt.Sprint(i)) }) {
		if err != nil {
			t.Errorf("change %d: %v", i, err)
		}
	}
	if commits := j.write.disk.written - before; commits != 2 { // that which held them up is one
		t.Errorf("%d changes took %d commits", n, commits-1)
	}
}

func TestADurableChangeWaitsForTheDisk(t *testing.T) {
	j := newJournal(t)
	d := &j.write.disk
	synced := func() bool { return d.synced.Load() == d.written && !j.write.behind.Load() }
	mustAdd(t, j, Acknowledged, "a")
	before := d.written
	mustAdd(t, j, Committed, "b")
	if synced() || d.written == before {
		t.Error("a committed change waited for the disk, or was not committed")
	}
	mustAdd(t, j, Durable, "c")
	if !synced() {
		t.Error("a durable change did not wait for the disk")
	}
	mustAdd(t, j, Acknowledged, "d")
	if err := j.Sync(t.Context()); err != nil || !synced() {
		t.Errorf("not durable after Sync: %v", err)
	}
}

func TestAFailedFsyncIsReported(t *testing.T) {
	j := newJournal(t)
	mustAdd(t, j, Durable, "a")
	if err := j.write.disk.log.Close(); err != nil {
		t.Fatal(err)
	}
	if err := j.Sync(t.Context()); err != nil {
		t.Errorf("Sync of nothing: %v", err)
	}
	mustAdd(t, j, Acknowledged, "b")
	if err := j.Sync(t.Context()); err == nil {
		t.Error("a failed fsync was not reported")
	}
	if err := j.add(t.Context(), Durable, "c"); err == nil {
		t.Error("what was promised to be durable was acknowledged after a failed fsync")
	}
}

// checkpoint copies what is in the log into the database, as happens by itself
// when the log is long.
func checkpoint(t *testing.T, j *testJournal) {
	db, err := openDB(filepath.Join(j.Dir(), journalName), readerCacheKiB, "")
	if err != nil {
		t.Error(err)
		return
	}
	defer db.Close()
	if _, err := db.Exec(`PRAGMA wal_checkpoint(PASSIVE)`); err != nil {
		t.Error(err)
	}
}

func TestWhateverWasWrittenIsThereAfterAKill(t *testing.T) {
	j := newJournal(t)
	var mu sync.Mutex
	written := map[string]bool{}
	var g errgroup.Group
	stop := make(chan struct{})
	for w := range 4 {
		g.Go(func() error {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return nil
				default:
				}
				name := fmt.Sprintf("%d-%d", w, i)
				if err := j.add(t.Context(), Durability(i%3), name); err != nil {
					return err
				}
				mu.Lock()
				written[name] = true
				mu.Unlock()
			}
		})
	}
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 8 {
		mustAdd(t, j, Durable, fmt.Sprint("kill-", i))
		if r.IntN(2) == 0 {
			checkpoint(t, j)
		}
		var want []string
		var dir string
		err := j.Write(t.Context(), Acknowledged, func() error {
			mu.Lock()
			defer mu.Unlock()
			want = want[:0]
			for name := range written {
				want = append(want, name)
			}
			dir = image(t, j)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		mustHave(t, dir, want)
	}
	close(stop)
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
}

// mustHave opens the image of a journal and looks for names.
func mustHave(t *testing.T, dir string, want []string) {
	t.Helper()
	j := reopened(t, dir)
	defer j.Close()
	list, err := j.list(t.Context())
	if err != nil || len(list) != j.names.accepted {
		t.Errorf("%d names, %d by the total: %v", len(list), j.names.accepted, err)
	}
	there := map[string]bool{}
	for _, name := range list {
		there[name] = true
	}
	for _, name := range want {
		if !there[name] {
			t.Errorf("%s was written and is gone", name)
		}
	}
}
