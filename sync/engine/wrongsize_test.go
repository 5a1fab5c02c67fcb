package engine

import (
	"errors"
	"fmt"
	"testing"

	"clfsload/clfs"
	"clfsload/clfs/compression"
	"clfsload/sync/blob/mem"
	"clfsload/sync/engine/publish"
)

// A file whose contents do not fit its size, though nothing changes it, is neither loaded
// with what its size says nor called changed.
func TestAFileWhoseContentsDoNotFitItsSizeFailsAndSaysWhatItIs(t *testing.T) {
	for _, c := range []struct {
		name         string
		size, beyond int64
	}{
		{"empty by its size", 0, 20},
		{"less than its size", 4096, -4000},
		{"nothing at all", 4096, -4096},
		{"more than its size", 4096, 1},
		{"less, in a later segment", three, -clfs.SegmentBytes},
		{"more, after whole segments", clfs.FirstSegmentBytes + clfs.SegmentBytes, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t, compression.None)
			file := f.file("generated", c.size)
			file.beyond = c.beyond
			f.file("calm", 10)
			f.scanned()
			if err := f.load(t.Context(), mem.New()); !errors.Is(err, publish.ErrIncomplete) {
				t.Fatalf("load ends with %v", err)
			}
			if file.opens != 1 {
				t.Errorf("opened %d times", file.opens)
			}
			mustFail(t, f, fmt.Sprintf("generated: read: its size is %d bytes, but its contents have another length: "+
				"the kernel or a program generates them when they are read; exclude it", c.size))
		})
	}
}
