package claim

import (
	"sync"
	"time"

	"clfsload/state"
)

const (
	// firstRest and longestRest bound how long a node waits that has failed: twice
	// as long after each failure.
	firstRest   = time.Second
	longestRest = 5 * time.Minute
	// maxResting bounds the memory for nodes that have failed. When there are more,
	// those after them are tried again at once.
	maxResting = 1 << 16
)

// Resting are the nodes of a mount that are not tried for a while because the last
// try has failed.
type Resting struct {
	mu  sync.Mutex
	set map[state.Ino]rest
}

type rest struct {
	until time.Time
	next  time.Duration // how long it rests after another failure
}

// NewResting returns a Resting without nodes.
func NewResting() *Resting { return &Resting{set: map[state.Ino]rest{}} }

// Failed has a node rest.
func (r *Resting) Failed(ino state.Ino) {
	r.mu.Lock()
	defer r.mu.Unlock()
	x := r.set[ino]
	if x.next == 0 {
		if len(r.set) >= maxResting {
			return
		}
		x.next = firstRest
	}
	x.until = time.Now().Add(x.next)
	x.next = min(2*x.next, longestRest)
	r.set[ino] = x
}

// Is reports whether a node rests still.
func (r *Resting) Is(ino state.Ino) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	x, ok := r.set[ino]
	return ok && time.Now().Before(x.until)
}

// Failing reports whether the last try of a node has failed.
func (r *Resting) Failing(ino state.Ino) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, ok := r.set[ino]
	return ok
}

// End is for a node that was uploaded, or removed.
func (r *Resting) End(ino state.Ino) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.set, ino)
}

// Next is how long it takes until a node has rested, at least firstRest and at
// most most.
func (r *Resting) Next(most time.Duration) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	for _, x := range r.set {
		most = min(most, max(x.until.Sub(now), firstRest))
	}
	return most
}
