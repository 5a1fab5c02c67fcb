package state

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"clfsload/clfs"
	"clfsload/state/schema"
)

// walk does random things to a journal, in the way that scan and engine do.
type walk struct {
	t      *testing.T
	j      *Journal
	r      *rand.Rand
	flying map[Ino]Node
}

func (w *walk) directory() Inode {
	w.t.Helper()
	list, err := w.j.Inodes(w.t.Context(), `SELECT `+schema.InodeColumns+` FROM inode WHERE type = ? AND state <> ?`, clfs.TypeDirectory, Removed)
	if err != nil {
		w.t.Fatal(err)
	}
	return list[w.r.IntN(len(list))]
}

func (w *walk) entry() Entry {
	e := file(fmt.Sprint(w.r.IntN(60)), w.r.Int64N(1000))
	switch w.r.IntN(6) {
	case 0:
		e.Attr = directory
	case 1:
		e.Attr.Type = clfs.TypeFIFO
	case 2, 3:
		e.Attr.Ino, e.Attr.Nlink = 100+w.r.Uint64N(3), 2+w.r.Uint64N(3)
	case 4:
		e.Failure = &Failure{Op: "lstat", Reason: "random", Gone: w.r.IntN(2) == 0}
	}
	return e
}

func (w *walk) add() error {
	var list []Entry
	for range w.r.IntN(8) {
		list = append(list, w.entry())
	}
	return w.j.AddEntries(w.t.Context(), w.directory(), list, w.r.IntN(3) == 0)
}

// take takes a queued inode, as the feeder does.
func (w *walk) take() error {
	for _, in := range queued(w.t, w.j) {
		if _, ok := w.flying[in.Ino]; !ok && w.r.IntN(2) == 0 {
			w.flying[in.Ino] = in
		}
	}
	return nil
}

// land records an outcome of something that was taken.
func (w *walk) land() error {
	taken := slices.Sorted(maps.Keys(w.flying))
	if len(taken) == 0 {
		return nil
	}
	n := w.flying[taken[0]]
	switch w.r.IntN(5) {
	case 0:
		delete(w.flying, n.Ino)
		p := Failure{Op: "read", Reason: "random", Gone: w.r.IntN(2) == 0}
		return w.j.RecordFailures(w.t.Context(), []FailedUpload{{Node: n, Failure: p}})
	case 1:
		return w.j.RecordBlocks(w.t.Context(), []BlockOutcome{{Ino: n.Ino, Index: 1, Gen: n.Next, Cseq: n.Cseq}})
	case 2:
		if n.Attr.Type == clfs.TypeRegular {
			a := n.Attr
			a.Size, a.Ino = w.r.Int64N(1000), 1+w.r.Uint64N(200)
			renewed, ok, err := w.j.Renew(w.t.Context(), n, a)
			if err != nil || !ok {
				delete(w.flying, n.Ino)
				return err
			}
			n = renewed
		}
	}
	delete(w.flying, n.Ino)
	return w.j.RecordUploads(w.t.Context(), []Upload{done(n)})
}

// retry begins a new run: nothing is in flight any more.
func (w *walk) retry() error {
	clear(w.flying)
	gone, err := w.j.Vanished(w.t.Context(), 0, 1000)
	if err != nil {
		return err
	}
	for _, in := range gone {
		if err := w.j.Forget(w.t.Context(), in); err != nil {
			return err
		}
	}
	return w.j.RetryFailures(w.t.Context())
}

func (w *walk) failDirectory() error {
	list, err := w.j.UnscannedDirectories(w.t.Context(), 3)
	if err != nil || len(list) == 0 || list[0].Ino == RootIno {
		return err
	}
	return w.j.FailDirectory(w.t.Context(), list[0], Failure{Op: "open", Reason: "random", Gone: w.r.IntN(2) == 0})
}

func TestTotalsAreWhatTheTablesSayWhateverHappens(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			j, _ := newJournal(t)
			w := &walk{t: t, j: j, r: rand.New(rand.NewPCG(seed, 1)), flying: map[Ino]Node{}}
			steps := []func() error{w.add, w.add, w.take, w.land, w.land, w.land, w.failDirectory, w.retry,
				func() error { return j.ReleaseLinks(t.Context()) }}
			weights := []int{20, 20, 20, 20, 20, 20, 2, 1, 2}
			for n := range 400 {
				step := w.r.IntN(125)
				i := 0
				for ; step >= weights[i]; i++ {
					step -= weights[i]
				}
				if err := steps[i](); err != nil {
					t.Fatal(err)
				}
				if err := checkRows(j); err != nil {
					t.Fatalf("after step %d, operation %d: %v", n, i, err)
				}
			}
			if got := j.Totals(); got.FoundEntries < 50 || got.DoneInodes == 0 {
				t.Errorf("the walk did too little: %+v", got)
			}
		})
	}
}
