package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"clfsload/clfs"
	"clfsload/clfs/compression"
	"clfsload/sync/blob"
	"clfsload/sync/blob/faulty"
	"clfsload/sync/blob/mem"
)

func TestALargeFileGoesOnAtItsFirstMissingSegment(t *testing.T) {
	const segments, missing = 5, 3
	f := newFixture(t, compression.None)
	file := f.file("file", clfs.FirstSegmentBytes+segments*clfs.SegmentBytes)
	f.scanned()
	stop := errors.New("stop")
	id := func(i uint64) clfs.ID {
		return clfs.SegmentID(f.journal.Settings.Key, f.inode(clfs.FirstSequence+1).ID, 0, i)
	}
	index := map[clfs.ID]uint64{}
	for i := range uint64(segments) {
		index[id(i)] = i
	}
	var before sync.WaitGroup
	before.Add(missing)
	c := &spy{Container: mem.New()}
	c.before = func(name string, _ []byte) error {
		if i, ok := index[nameOf(t, name).ID]; ok && i == missing {
			before.Wait()
			return stop
		}
		return nil
	}
	c.after = func(name string, _ []byte) {
		if i, ok := index[nameOf(t, name).ID]; ok && i < missing {
			before.Done()
		}
	}
	if err := f.load(t.Context(), c); !errors.Is(err, stop) {
		t.Fatalf("load ends with %v", err)
	}
	c.before, c.after, file.reads = nil, nil, nil
	f.mustLoad(c)
	if want := int64(clfs.SegmentOffset(missing, false)); len(file.reads) != 1 || file.reads[0] != want {
		t.Errorf("read again at %v, want %d alone", file.reads, want)
	}
	f.sound(c)
}

// A file that is another one than that of which segments are there already is
// read from its beginning.
func TestALargeFileThatChangedBetweenTwoRunsBeginsAnew(t *testing.T) {
	f := newFixture(t, compression.None)
	file := f.file("file", three)
	f.scanned()
	stop := errors.New("stop")
	c := &spy{Container: mem.New()}
	c.before = func(name string, _ []byte) error {
		if nameOf(t, name).Type == clfs.TypeRegular {
			return stop
		}
		return nil
	}
	if err := f.load(t.Context(), c); !errors.Is(err, stop) {
		t.Fatalf("load ends with %v", err)
	}
	file.change(three)
	c.before, file.reads = nil, nil
	f.mustLoad(c)
	if len(file.reads) == 0 || file.reads[0] != clfs.FirstSegmentBytes {
		t.Errorf("read again at %v", file.reads)
	}
	f.sound(c)
}

// The property that every kill rests on: wherever a run is stopped, the next one
// ends with a sound container, of as many blobs as a run that nothing disturbed.
func TestWhereverAPutFailsTheNextRunEndsWithAsManyBlobs(t *testing.T) {
	undisturbed := mem.New()
	f := newFixture(t, compression.None)
	f.mixed()
	f.mustLoad(undisturbed)
	f.sound(undisturbed)
	want := blobSet(t, undisturbed)
	for k := 0; k < len(want); k += 5 {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("put %d, stored %v", k, after), func(t *testing.T) {
				m := mem.New()
				c := faulty.New(m)
				c.On(faulty.Put, faulty.Fault{Err: blob.ErrTransient, Skip: k, After: after})
				f := newFixture(t, compression.None)
				f.mixed()
				if err := f.load(t.Context(), c); !errors.Is(err, blob.ErrTransient) {
					t.Fatalf("load ends with %v", err)
				}
				c.Check(t)
				f.mustLoad(c)
				if got := blobSet(t, m); len(got) != len(want) {
					t.Errorf("%d blobs, want %d", len(got), len(want))
				}
				f.sound(m)
			})
		}
	}
}

// Who stops a run loses nothing that was uploaded.
func TestWhatWasUploadedIsRecordedWhenTheRunIsCancelled(t *testing.T) {
	f := newFixture(t, compression.None)
	for i := range 100 {
		f.file(fmt.Sprintf("f%02d", i), 10)
	}
	f.scanned()
	interrupted := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	var put atomic.Uint64
	c := &spy{Container: mem.New()}
	c.after = func(name string, _ []byte) {
		if nameOf(t, name).Type == clfs.TypeRegular && put.Add(1) == 20 {
			cancel(interrupted)
		}
	}
	if err := f.load(ctx, c); !errors.Is(err, interrupted) && !errors.Is(err, context.Canceled) {
		t.Errorf("load ends with %v", err)
	}
	if done := f.journal.Totals().DoneInodes; done != put.Load() || done < 20 {
		t.Errorf("%d inodes are done, %d were put", done, put.Load())
	}
	c.after = nil
	f.mustLoad(c)
	f.sound(c)
}

func TestAnEngineThatWasStoppedCanGoOn(t *testing.T) {
	f := newFixture(t, compression.None)
	for i := range 20 {
		f.file(fmt.Sprintf("f%02d", i), 10)
	}
	f.scanned()
	c := faulty.New(mem.New())
	c.On(faulty.Put, faulty.Fault{Err: blob.ErrTransient, Skip: 7})
	e := f.engine(c, 4)
	if err := runAll(t.Context(), e, f.source); !errors.Is(err, blob.ErrTransient) {
		t.Fatalf("first run ends with %v", err)
	}
	if err := runAll(t.Context(), e, f.source); err != nil {
		t.Fatal(err)
	}
	unused(t, e)
	f.sound(c)
}

// Segments that were put before a file changed are put again under the same names. Wherever that
// is cut off, the file is whole afterwards.
func TestAFileThatChangesWhileItIsReadIsWholeWhereverItsLoadIsCutOff(t *testing.T) {
	for _, size := range []int64{three, one, three + 2*clfs.SegmentBytes} { // as it is then; it was three
		for k := 0; ; k++ {
			m := mem.New()
			c := faulty.New(m)
			c.On(faulty.Put, faulty.Fault{Err: blob.ErrTransient, Skip: k, After: k%2 == 1})
			f := newFixture(t, compression.None)
			file := f.file("file", three)
			f.scanned()
			changed := false
			file.onRead = func(file *fakeFile, offset int64) error {
				if offset > clfs.SegmentBytes && !changed {
					changed = true
					file.change(size)
				}
				return nil
			}
			err := f.load(t.Context(), c)
			if err != nil && !errors.Is(err, blob.ErrTransient) {
				t.Fatal(err)
			}
			if err != nil {
				f.mustLoad(c)
			}
			f.sound(m)
			if t.Failed() {
				t.Fatalf("%d bytes, cut off at put %d", size, k)
			}
			if err == nil {
				break
			}
		}
	}
}
