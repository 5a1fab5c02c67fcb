package clfs_test

import (
	"math"
	"testing"

	"clfsload/clfs"
)

func TestNewTimeClampsAndSaysSo(t *testing.T) {
	last := clfs.Time{Sec: math.MaxUint32, Nsec: 999999999}
	for _, c := range []struct {
		sec, nsec int64
		want      clfs.Time
		clamped   bool
	}{
		{0, 0, clfs.Time{}, false},
		{1400000000, 250000000, clfs.Time{Sec: 1400000000, Nsec: 250000000}, false},
		{math.MaxUint32, 999999999, last, false},
		{math.MaxUint32 + 1, 0, last, true},
		{-1, 999999999, clfs.Time{}, true},
		{math.MinInt64, 0, clfs.Time{}, true},
		{math.MaxInt64, 0, last, true},
	} {
		if got, clamped := clfs.NewTime(c.sec, c.nsec); got != c.want || clamped != c.clamped {
			t.Errorf("%d s %d ns: %v, %v", c.sec, c.nsec, got, clamped)
		}
	}
}
