package clfs_test

import (
	"math"
	"testing"

	"clfsload/clfs"
)

func TestSegmentCount(t *testing.T) {
	for _, c := range []struct{ size, want uint64 }{
		{0, 0}, {1, 0}, {16384, 0}, {16385, 1}, {16384 + 8388608, 1}, {16384 + 8388608 + 1, 2},
		{8404992, 1}, {146163122176, 17424}, {math.MaxUint64, 1 << 41},
	} {
		if got := clfs.SegmentCount(c.size); got != c.want {
			t.Errorf("%d bytes: %d segments, want %d", c.size, got, c.want)
		}
	}
}
