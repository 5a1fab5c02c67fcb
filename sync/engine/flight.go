package engine

import (
	"sync/atomic"
	"time"
)

// Flight is an entry on its way.
type Flight struct {
	Path  string    // below the root of the tree
	Since time.Time // when a worker has taken it
}

// flights has a place for each worker; nil: the worker has no entry.
type flights []atomic.Pointer[Flight]

// OldestInFlight returns the entry that is being transferred for the longest
// time; ok is false when there is none.
func (e *Engine) OldestInFlight() (oldest Flight, ok bool) {
	for i := range e.flights {
		if f := e.flights[i].Load(); f != nil && (!ok || f.Since.Before(oldest.Since)) {
			oldest, ok = *f, true
		}
	}
	return oldest, ok
}
