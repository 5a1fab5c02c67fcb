package engine

import (
	"fmt"
	"sync"
	"testing"

	"golang.org/x/sync/errgroup"

	"clfsload/clfs"
	"clfsload/clfs/compression"
	"clfsload/state"
	"clfsload/sync/blob/mem"
)

// counted counts how often each object is put.
func counted(t *testing.T) (*spy, func() map[clfs.ID]int) {
	var mu sync.Mutex
	puts := map[clfs.ID]int{}
	c := &spy{Container: mem.New()}
	c.after = func(name string, _ []byte) {
		mu.Lock()
		defer mu.Unlock()
		puts[nameOf(t, name).ID]++
	}
	return c, func() map[clfs.ID]int { return puts }
}

// The scan adds rows while the engine takes them, many batches at the same time.
func TestEveryInodeIsTakenOnceWhileRowsAreAdded(t *testing.T) {
	f := newFixture(t, compression.None)
	const dirs, batches, each = 4, 25, 40
	for d := range dirs {
		f.dir(fmt.Sprintf("d%d", d))
	}
	c, puts := counted(t)
	e := f.engine(c, 16)
	if err := e.Begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	produced := make(chan struct{})
	attr := f.attr(clfs.TypeFIFO, 0)
	var g errgroup.Group
	g.Go(func() error { return e.Upload(t.Context(), f.source, produced) })
	var producers errgroup.Group
	for d := range dirs {
		producers.Go(func() error {
			for b := range batches {
				var list []state.Entry
				for i := range each {
					list = append(list, state.Entry{Name: fmt.Appendf(nil, "%d-%d", b, i), Attr: attr})
				}
				if err := f.journal.AddEntries(t.Context(), f.dirs[fmt.Sprintf("d%d", d)], list, b == batches-1); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := producers.Wait(); err != nil {
		t.Fatal(err)
	}
	close(produced)
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	if n := len(puts()); n != dirs*batches*each+1 {
		t.Errorf("%d objects were put, want %d and the bucket", n, dirs*batches*each)
	}
	for id, n := range puts() {
		if n != 1 {
			t.Errorf("%s was put %d times", id, n)
		}
	}
	unused(t, e)
}

// A name that is found after its inode was uploaded makes the inode be uploaded
// once more, with all its names.
func TestLinksThatAreFoundLateAreInTheInodeInTheEnd(t *testing.T) {
	f := newFixture(t, compression.None)
	f.dir("d")
	file := f.hardlinks(".", "a", "b")
	m := mem.New()
	e := f.engine(m, 4)
	if err := e.Begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := e.Upload(t.Context(), f.source, closed); err != nil {
		t.Fatal(err)
	}
	if got := f.journal.Totals().DoneInodes; got != 1 {
		t.Fatalf("%d inodes are done after all names were seen", got)
	}
	f.source["d/late"] = file
	f.add("d", state.Entry{Name: []byte("late"), Attr: file.attr})
	if got := f.journal.Totals().DoneInodes; got != 0 {
		t.Fatalf("%d inodes are done although a name came", got)
	}
	f.scanned()
	f.mustLoad(m)
	f.sound(m)
}

// Listing may end at any moment between the feeder's looks; a transfer must end
// all the same.
func TestTransferEndsWheneverProducingEnds(t *testing.T) {
	f := newFixture(t, compression.None)
	e := f.engine(mem.New(), 2)
	if err := e.Begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	attr := f.attr(clfs.TypeFIFO, 0)
	for i := range 60 {
		produced := make(chan struct{})
		var g errgroup.Group
		g.Go(func() error { return e.Upload(t.Context(), f.source, produced) })
		if i%3 > 0 {
			entry := state.Entry{Name: fmt.Appendf(nil, "%d", i), Attr: attr}
			if err := f.journal.AddEntries(t.Context(), f.dirs["."], []state.Entry{entry}, false); err != nil {
				t.Fatal(err)
			}
		}
		if i%3 == 1 {
			if err := f.journal.ReleaseLinks(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		close(produced)
		if err := g.Wait(); err != nil {
			t.Fatal(err)
		}
		if got := f.journal.Totals(); got.DoneInodes != got.FoundInodes-1 { // all but the root
			t.Fatalf("run %d ended with %+v", i, got)
		}
	}
}
