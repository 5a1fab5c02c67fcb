package writable

import (
	"time"

	"clfsload/clfs"
	"clfsload/state"
)

// now is the time in nanoseconds since 1970, or the nearest that CLFS can hold.
func now() int64 {
	t := time.Now()
	held, _ := clfs.NewTime(t.Unix(), int64(t.Nanosecond()))
	return state.Nanoseconds(int64(held.Sec), int64(held.Nsec))
}
