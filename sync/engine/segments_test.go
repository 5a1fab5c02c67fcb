package engine

import (
	"context"
	"io"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"clfsload/clfs"
	"clfsload/clfs/compression"
	"clfsload/sync/blob/mem"
)

// A put that is given up may be carried out all the same, after what it has put was
// deleted. So it comes to its end, though the file that it is of has changed.
func TestNoPutIsGivenUpBecauseItsFileHasChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, compression.None)
		var changed atomic.Bool
		f.file("file", three).onRead = func(f *fakeFile, offset int64) error {
			if offset > clfs.FirstSegmentBytes && changed.CompareAndSwap(false, true) {
				f.attr.Ctime++
				return io.EOF // it was shorter for a moment
			}
			return nil
		}
		f.scanned()
		f.mustLoad(slowPuts{mem.New(), t})
		if !changed.Load() {
			t.Error("it did not change")
		}
	})
}

// slowPuts takes a second for each put.
type slowPuts struct {
	*mem.Container
	t *testing.T
}

func (c slowPuts) Put(ctx context.Context, name string, data []byte) error {
	time.Sleep(time.Second)
	if ctx.Err() != nil {
		c.t.Errorf("the put of %s was given up", name)
	}
	return c.Container.Put(ctx, name, data)
}
