package engine

import (
	"errors"
	"testing"

	"clfsload/clfs"
	"clfsload/clfs/compression"
	"clfsload/sync/blob/mem"
)

// moves runs what is left of a transfer and returns what its engine has counted.
func (f *fixture) moves(c *spy, want error) (moved, kept int64) {
	f.t.Helper()
	e := f.engine(c, 4)
	if err := runAll(f.t.Context(), e, f.source); !errors.Is(err, want) {
		f.t.Fatalf("load ends with %v, want %v", err, want)
	}
	return e.Stats().Transferred.Load(), e.Stats().Kept.Load()
}

func TestBytesCountWhenTheyAreInTheContainerAndNotBefore(t *testing.T) {
	f := newFixture(t, compression.None)
	f.file("large", three)
	f.scanned()
	stop := errors.New("stop")
	c := &spy{Container: mem.New()}
	c.before = func(name string, _ []byte) error {
		if nameOf(t, name).Type == clfs.TypeSegment {
			return stop
		}
		return nil
	}
	if moved, kept := f.moves(c, stop); moved != 0 || kept != 0 {
		t.Errorf("%d and %d bytes of a file of which nothing was put", moved, kept)
	}
	c.before = func(name string, _ []byte) error {
		if nameOf(t, name).Type == clfs.TypeRegular {
			return stop
		}
		return nil
	}
	if moved, kept := f.moves(c, stop); moved != three-clfs.FirstSegmentBytes || kept != 0 {
		t.Errorf("%d and %d bytes of a file that misses its inode", moved, kept)
	}
	c.before = nil
	if moved, kept := f.moves(c, nil); moved+kept != three || kept < clfs.SegmentBytes {
		t.Errorf("%d and %d bytes of a file of %d that went on", moved, kept, three)
	}
}

func TestBytesOfAFileThatIsReadAgainCountOnce(t *testing.T) {
	f := newFixture(t, compression.None)
	file := f.file("changes", three)
	f.file("small", 10)
	f.scanned()
	changed := false
	file.onRead = func(file *fakeFile, offset int64) error {
		if offset > clfs.SegmentBytes && !changed {
			changed = true
			file.change(three)
		}
		return nil
	}
	if moved, kept := f.moves(&spy{Container: mem.New()}, nil); !changed || moved != three+10 || kept != 0 {
		t.Errorf("%d and %d bytes of %d", moved, kept, three+10)
	}
}
