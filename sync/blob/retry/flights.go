package retry

import (
	"container/list"
	"context"
	"sync"
	"time"
)

// minCredit is the least number of successes for which the limit grows by one.
const minCredit = 16

// flights bounds the requests in flight by a limit that throttling lowers.
type flights struct {
	mu      sync.Mutex
	most    int
	limit   int // 1 to most
	inUse   int
	credit  int       // successes since the limit changed or a request was throttled
	lastCut time.Time // zero: never
	waiters list.List // of chan struct{}, closed when a place is given
}

func newFlights(most int) *flights { return &flights{most: most, limit: most} }

// acquire waits for a slot.
func (f *flights) acquire(ctx context.Context) error {
	f.mu.Lock()
	if f.inUse < f.limit && f.waiters.Len() == 0 {
		f.inUse++
		f.mu.Unlock()
		return nil
	}
	given := make(chan struct{})
	place := f.waiters.PushBack(given)
	f.mu.Unlock()
	select {
	case <-given:
		return nil
	case <-ctx.Done():
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	select {
	case <-given: // at the same moment
		f.inUse--
	default:
		f.waiters.Remove(place)
	}
	f._give()
	return ctx.Err()
}

// release releases a slot. full: the limit has just returned to its maximum.
func (f *flights) release(success bool) (full bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.inUse--
	if success && f.limit < f.most {
		if f.credit++; f.credit >= max(2*f.limit, minCredit) {
			f.credit = 0
			f.limit++
			full = f.limit == f.most
		}
	}
	f._give()
	return full
}

// _give hands free places to those who wait, in their order.
func (f *flights) _give() {
	for f.inUse < f.limit && f.waiters.Len() > 0 {
		f.inUse++
		close(f.waiters.Remove(f.waiters.Front()).(chan struct{}))
	}
}

// cut halves the limit because a request was throttled. The limit stays if the request was sent
// before the last cut, which covers it, or if the limit is 1.
func (f *flights) cut(sent time.Time) (limit int, done bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.credit = 0
	if f.limit == 1 || !sent.After(f.lastCut) {
		return f.limit, false
	}
	f.lastCut = time.Now()
	f.limit /= 2
	return f.limit, true
}
