package treetest

import (
	"testing"

	"clfsload/clfs/clfstest"
	"clfsload/sync/blob/mem"
)

// The golden containers in testdata/golden.
const (
	GoldenLZ4 = "container-lz4-hardlinks.tar.gz"
	GoldenRaw = "container-raw.tar.gz"

	GoldenResumedEarly = "clfsload-resumed-1.2.tar.gz"
	GoldenResumedLate  = "clfsload-resumed-1.35.tar.gz"
)

// Golden loads one of the golden containers into memory.
func Golden(t testing.TB, name string) *mem.Container {
	t.Helper()
	c := mem.New()
	clfstest.EachFile(t, name, func(blob string, data []byte) {
		if err := c.Put(t.Context(), blob, data); err != nil {
			t.Fatal(err)
		}
	})
	return c
}
