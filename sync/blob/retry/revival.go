package retry

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// outage is for how long nothing succeeds when a service is taken to be away. When
// something succeeds after it, nobody waits any longer.
const outage = 5 * time.Second

// revival tells those who wait that the service is back.
type revival struct {
	mu   sync.Mutex
	told chan struct{} // closed at the next one
}

func newRevival() *revival { return &revival{told: make(chan struct{})} }

// next returns a channel that is closed when the service comes back.
func (r *revival) next() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.told
}

func (r *revival) tell() {
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.told)
	r.told = make(chan struct{})
}

// sleep waits for d, or until the service is back and a moment longer, so that not all
// come at once. The error is that of ctx.
func sleep(ctx context.Context, d time.Duration, back <-chan struct{}) (revived bool, err error) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return false, nil
	case <-ctx.Done():
		return false, ctx.Err()
	case <-back:
	}
	_, err = sleep(ctx, min(d, rand.N(firstDelay)), nil)
	return true, err
}
