package engine

import (
	"fmt"
	"testing"

	"clfsload/clfs"
	"clfsload/clfs/compression"
	"clfsload/sync/blob/mem"
)

// Many files in flight each hold what they have uploaded until they are recorded.
// That must not keep one of them from finishing.
func TestWorkersThatShareTheBudgetNeverWaitForEachOther(t *testing.T) {
	f := newFixture(t, compression.None)
	for i := range 30 {
		f.file(fmt.Sprintf("f%02d", i), clfs.FirstSegmentBytes+clfs.SegmentBytes)
	}
	f.scanned()
	e := f.engine(mem.New(), 30)
	if err := runAll(t.Context(), e, f.source); err != nil {
		t.Fatal(err)
	}
	unused(t, e)
}
