package clfs

import "math"

// A Time is seconds since 1970 and nanoseconds below 10^9, as CLFS stores it.
type Time struct{ Sec, Nsec uint32 }

// NewTime fits a time into the format. One before 1970 becomes the first and
// one past 2^32-1 seconds the last that fits, and clamped is true.
func NewTime(sec, nsec int64) (t Time, clamped bool) {
	switch {
	case sec < 0:
		return Time{}, true
	case sec > math.MaxUint32:
		return Time{Sec: math.MaxUint32, Nsec: 999999999}, true
	}
	return Time{Sec: uint32(sec), Nsec: uint32(nsec)}, false
}
