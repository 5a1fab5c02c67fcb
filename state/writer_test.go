package state

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"golang.org/x/sync/errgroup"
)

// gathered makes n changes that all wait when the writer has its turn, and returns
// what became of each.
func gathered(t *testing.T, j *Journal, n int, change func(i int) error) []error {
	t.Helper()
	release, holding := make(chan struct{}), make(chan struct{})
	var g errgroup.Group
	g.Go(func() error {
		return j.update(t.Context(), func(*tx) error { close(holding); <-release; return nil })
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

func TestAFailingUpdateTakesNoOtherWithIt(t *testing.T) {
	j, root := newJournal(t)
	broken := errors.New("broken")
	errs := gathered(t, j, 20, func(i int) error {
		return j.update(t.Context(), func(tx *tx) error {
			e := file(fmt.Sprint(i), 1)
			if err := tx.addEntry(&root, &e); err != nil {
				return err
			}
			if i%7 == 3 {
				return broken
			}
			return nil
		})
	})
	good := uint64(0)
	for i, err := range errs {
		if failing := i%7 == 3; failing != errors.Is(err, broken) || !failing && err != nil {
			t.Errorf("update %d: %v", i, err)
		}
		if err == nil {
			good++
		}
	}
	if got := j.Totals().FoundEntries; got != 1+good {
		t.Errorf("%d entries, want those of %d updates", got, good)
	}
	if err := checkRows(j); err != nil {
		t.Error(err)
	}
}

func TestUpdatesThatWaitAreCommittedTogether(t *testing.T) {
	j, _ := newJournal(t)
	release, holding := make(chan struct{}), make(chan struct{})
	var g errgroup.Group
	g.Go(func() error {
		return j.update(t.Context(), func(*tx) error { close(holding); <-release; return nil })
	})
	<-holding
	var mu sync.Mutex
	transactions := map[*tx]int{}
	const n = 50
	for range n {
		g.Go(func() error {
			return j.update(t.Context(), func(tx *tx) error {
				mu.Lock()
				defer mu.Unlock()
				transactions[tx]++
				return nil
			})
		})
	}
	for len(j.write.queue) < n {
		runtime.Gosched()
	}
	close(release)
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	if len(transactions) != 1 {
		t.Errorf("%d updates took %d transactions", n, len(transactions))
	}
}

// image copies the files of a journal as a process that is killed leaves them. It
// runs between two commits, and in the middle of a transaction.
func image(t testing.TB, j *Journal) string {
	dir := t.TempDir()
	for _, name := range []string{journalName, journalName + "-wal", redoName} {
		data, err := os.ReadFile(filepath.Join(j.Dir(), name))
		if name == redoName && errors.Is(err, os.ErrNotExist) {
			continue // of a load
		}
		if err != nil {
			t.Error(err)
		}
		if name == redoName { // without most of its room
			data = append(bytes.TrimRight(data, "\x00"), make([]byte, 64)...)
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Error(err)
		}
	}
	return dir
}

// checkpoint copies what is in the log into the database, as happens by itself
// when the log is long.
func checkpoint(t *testing.T, j *Journal) {
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

func TestWhateverWasAcknowledgedIsThereAfterAKill(t *testing.T) {
	j, root := newJournal(t)
	var mu sync.Mutex
	acknowledged := map[string]bool{}
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
				if err := j.AddEntries(t.Context(), root, []Entry{file(name, 1)}, false); err != nil {
					return err
				}
				mu.Lock()
				acknowledged[name] = true
				mu.Unlock()
			}
		})
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 8 {
		for range r.IntN(20) {
			if err := j.SetPhase(t.Context(), PhaseTransfer); err != nil {
				t.Fatal(err)
			}
		}
		if r.IntN(2) == 0 {
			checkpoint(t, j)
		}
		var want []string
		var dir string
		if err := j.update(t.Context(), func(tx *tx) error {
			mu.Lock()
			defer mu.Unlock()
			want = want[:0]
			for name := range acknowledged {
				want = append(want, name)
			}
			dir = image(t, j)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		mustHave(t, dir, want)
	}
	close(stop)
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
}

// mustHave opens the image of a journal and looks for entries of its root.
func mustHave(t *testing.T, dir string, want []string) {
	t.Helper()
	j, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if err := checkRows(j); err != nil {
		t.Error(err)
	}
	there := map[string]bool{}
	for _, c := range children(t, j, RootIno, 5000) {
		there[string(c.Name)] = true
	}
	for _, name := range want {
		if !there[name] {
			t.Errorf("%s was acknowledged and is gone", name)
		}
	}
}
