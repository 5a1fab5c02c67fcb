package retry_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"clfsload/sync/blob"
	"clfsload/sync/blob/mem"
	"clfsload/sync/blob/retry"
)

// service takes some time for each request, and throttles those above its limit.
type service struct {
	*mem.Container
	mu             sync.Mutex
	limit          int
	now, most, all int // requests
}

func (s *service) enter() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now++
	s.all++
	s.most = max(s.most, s.now)
	if s.now > s.limit {
		return blob.ErrThrottled
	}
	return nil
}

func (s *service) Put(ctx context.Context, name string, data []byte) error {
	err := s.enter()
	time.Sleep(10 * time.Millisecond)
	s.mu.Lock()
	s.now--
	s.mu.Unlock()
	if err != nil {
		return fmt.Errorf("put %s: %w", name, err)
	}
	return s.Container.Put(ctx, name, data)
}

// setLimit changes the limit and begins to look for the most requests anew.
func (s *service) setLimit(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limit, s.most, s.all = n, 0, 0
}

// putMany puts n blobs by many goroutines.
func putMany(t *testing.T, c blob.Container, n int) {
	var all sync.WaitGroup
	for g := range 200 {
		all.Go(func() {
			for i := range n / 200 {
				if err := c.Put(t.Context(), fmt.Sprintf("%d-%d", g, i), nil); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}

func TestNoMoreRequestsAreInFlightThanAllowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{Container: mem.New(), limit: 1000}
		putMany(t, retry.New(s, retry.Options{InFlight: 64}, retry.Events{}), 2000)
		if s.most != 64 {
			t.Errorf("%d requests in flight at most, want 64", s.most)
		}
	})
}

func TestThrottlingLowersTheRequestsInFlightAndTheyRecover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{Container: mem.New(), limit: 10}
		var j journal
		c := retry.New(s, retry.Options{InFlight: 64, For: time.Hour, Opening: time.Hour}, j.events())
		putMany(t, c, 20000)
		if s.all > 22000 {
			t.Errorf("%d requests for 20000 blobs with room for 10 at a time", s.all)
		}
		s.setLimit(1000)
		putMany(t, c, 20000)
		if s.most != 64 || s.all != 20000 {
			t.Errorf("afterwards: %d requests in flight at most, want 64; %d in all", s.most, s.all)
		}
		if last := j.words[len(j.words)-1]; last != "unthrottled" {
			t.Errorf("the last event is %s", last)
		}
	})
}

// All requests that were under way when the service throttled are one wave.
func TestAWaveOfThrottlingIsOneCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{Container: mem.New(), limit: 0}
		var j journal
		c := retry.New(s, retry.Options{InFlight: 64}, j.events())
		var all sync.WaitGroup
		for range 64 {
			all.Go(func() { _ = c.Put(t.Context(), "a", nil) })
		}
		all.Wait()
		j.want(t, "throttled 32")
	})
}
