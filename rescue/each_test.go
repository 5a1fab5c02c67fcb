package rescue_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync/atomic"
	"testing"

	"clfsload/rescue"
)

func TestEachCallsForEveryValueAndForNoMoreAtATimeThanItMay(t *testing.T) {
	var calls, now, most atomic.Int64
	err := rescue.Each(t.Context(), 3, slices.Values(make([]int, 100)), func(context.Context, int) error {
		calls.Add(1)
		if n := now.Add(1); n > most.Load() {
			most.Store(n)
		}
		now.Add(-1)
		return nil
	})
	if err != nil || calls.Load() != 100 || most.Load() > 3 {
		t.Errorf("%d calls, %d at a time, error %v", calls.Load(), most.Load(), err)
	}
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
