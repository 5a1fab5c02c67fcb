package rescue_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"clfsload/rescue"
)

func TestEachCallsForEveryValueAndForNoMoreAtATimeThanItMay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var calls, now, most int
		count := func(n int) {
			mu.Lock()
			defer mu.Unlock()
			now += n
			calls, most = calls+max(n, 0), max(most, now)
		}
		err := rescue.Each(t.Context(), 3, slices.Values(make([]int, 100)), func(context.Context, int) error {
			count(1)
			time.Sleep(time.Second) // until all others wait too
			count(-1)
			return nil
		})
		if err != nil || calls != 100 || most != 3 {
			t.Errorf("%d calls, %d at a time, error %v", calls, most, err)
		}
	})
}

func TestEachEndsWithTheFirstError(t *testing.T) {
	var calls atomic.Int64
	fails := func(context.Context, int) error {
		calls.Add(1)
		return io.EOF
	}
	if err := rescue.Each(t.Context(), 1, slices.Values(make([]int, 100)), fails); err != io.EOF || calls.Load() > 2 {
		t.Errorf("%d calls, error %v", calls.Load(), err)
	}
}

// What was not called for must not count as done.
func TestEachFailsIfItsContextHasEnded(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(io.ErrClosedPipe)
	err := rescue.Each(ctx, 1, slices.Values([]int{1}), func(context.Context, int) error { return nil })
	if !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("error %v", err)
	}
}

func TestEachReadReturnsTheErrorOfWhatItReads(t *testing.T) {
	read := func(yield func(int, error) bool) { _ = yield(1, nil) && yield(0, io.ErrNoProgress) }
	var calls atomic.Int64
	err := rescue.EachRead(t.Context(), 2, read, func(context.Context, int) error {
		calls.Add(1)
		return nil
	})
	if err != io.ErrNoProgress || calls.Load() != 1 {
		t.Errorf("%d calls, error %v", calls.Load(), err)
	}
}
