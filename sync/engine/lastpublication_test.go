package engine

import (
	"errors"
	"fmt"
	"testing"

	"clfsload/clfs/compression"
	"clfsload/state"
	"clfsload/sync/blob"
	"clfsload/sync/blob/faulty"
	"clfsload/sync/blob/mem"
	"clfsload/sync/engine/publish"
)

// cutLoad returns a container that is out of reach for the request k of a kind, and a journal whose
// files are uploaded to it, but for one that cannot be read yet.
func cutLoad(t *testing.T, method faulty.Method, k int) (f *fixture, m *mem.Container, c *faulty.Container) {
	t.Helper()
	f, m = newFixture(t, compression.None), mem.New()
	c = faulty.New(m)
	f.dir("d")
	f.dir("d/e")
	f.dir("d/e/f")
	f.file("d/a", 10)
	f.hardlinks("d/e", "h1", "h2")
	f.wide("wide", 300)
	late := f.file("d/e/late", 10)
	f.add("d/e/f", state.Entry{Name: []byte("x"), Failure: &state.Failure{Op: "lstat", Reason: "broken"}})
	delete(f.source, "d/e/late")
	f.scanned()
	e := f.engine(c, 4)
	if err := e.Begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := e.Upload(t.Context(), f.source, closed); err != nil {
		t.Fatal(err)
	}
	f.source["d/e/late"] = late
	c.On(method, faulty.Fault{Err: blob.ErrTransient, Skip: k, After: k%2 == 1})
	return f, m, c
}

// A publication without what failed is cut off at any of its requests. Then what failed is tried
// again, with success, and published: parts of the first one may be in reach.
func TestAPublicationWithoutWhatFailedIsCutOffAnywhereAndCompletedWithIt(t *testing.T) {
	for _, method := range []faulty.Method{faulty.Put, faulty.Get, faulty.List, faulty.Delete} {
		for k, passed := 0, false; !passed; k++ {
			f, m, c := cutLoad(t, method, k)
			err := f.engine(c, 4).Publish(t.Context(), true)
			if passed = err == nil; passed {
				break
			}
			if !errors.Is(err, blob.ErrTransient) && !errors.Is(err, publish.ErrLeftover) {
				t.Fatal(err)
			}
			if err := f.journal.RetryFailures(t.Context()); err != nil {
				t.Fatal(err)
			}
			f.file("d/e/f/x", 20)
			f.scanned()
			f.mustLoad(c)
			f.sound(m)
			if left := f.journal.Totals(); left.Failures != 0 || left.DoneInodes != left.FoundInodes {
				t.Errorf("%+v", left)
			}
			if t.Failed() {
				t.Fatal(fmt.Sprint(method, " ", k))
			}
		}
	}
}
