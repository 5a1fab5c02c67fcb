package engine

import (
	"sync/atomic"
	"time"

	"clfsload/sync/engine/blobs"
)

// Flight is an entry on its way.
type Flight struct {
	Path  string    // below the root of the tree
	Since time.Time // when a worker has taken it
}

// flight is an entry that a worker has.
type flight struct {
	path  blobs.PathFunc
	since time.Time
}

// flights has a place for each worker; nil: the worker has no entry.
type flights []atomic.Pointer[flight]

// OldestInFlight returns the entry that is being transferred for the longest
// time; ok is false when there is none.
func (e *Engine) OldestInFlight() (oldest Flight, ok bool) {
	var first *flight
	for i := range e.flights {
		if f := e.flights[i].Load(); f != nil && (first == nil || f.since.Before(first.since)) {
			first = f
		}
	}
	if first == nil {
		return Flight{}, false
	}
	return Flight{Path: first.path(), Since: first.since}, true
}
