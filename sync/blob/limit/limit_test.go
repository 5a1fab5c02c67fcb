package limit

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"clfsload/sync/blob"
	"clfsload/sync/blob/blobtest"
	"clfsload/sync/blob/mem"
)

func TestALimitedContainerKeepsTheContract(t *testing.T) {
	blobtest.TestContainer(t, func(t *testing.T) blob.Container { return Wrap(mem.New(), New(1<<40)) })
	blobtest.TestContainer(t, func(t *testing.T) blob.Container { return Wrap(mem.New(), New(0)) })
}

func put(t *testing.T, c blob.Container, n int) time.Duration {
	t.Helper()
	began := time.Now()
	if err := c.Put(t.Context(), "blob", make([]byte, n)); err != nil {
		t.Fatal(err)
	}
	return time.Since(began)
}

func TestPutsTakeAsLongAsTheRateSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := Wrap(mem.New(), New(100_000))
		put(t, c, 25_000) // what may go at once
		if took := put(t, c, 40_000).Round(time.Millisecond); took != 400*time.Millisecond {
			t.Errorf("40 kB at 100 kB/s took %s", took)
		}
	})
}

func TestWithoutALimitNothingWaits(t *testing.T) {
	l := New(0)
	c := Wrap(mem.New(), l)
	put(t, c, 1<<20)
	if l.BytesPerSecond() != 0 {
		t.Errorf("limit %d", l.BytesPerSecond())
	}
}

// A blob that would wait for hours goes on at once when the limit is taken away.
func TestANewRateIsFeltByThoseWhoWait(t *testing.T) {
	l := New(100)
	c := Wrap(mem.New(), l)
	done := make(chan error, 2)
	for range 2 {
		go func() { done <- c.Put(t.Context(), "blob", make([]byte, 1<<20)) }()
	}
	for len(l.turn) == 0 { // until one of them waits
		runtime.Gosched()
	}
	l.Set(0)
	for range 2 {
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("still waiting at the old rate")
		}
	}
}

func TestWaitingEndsWithTheContext(t *testing.T) {
	c := Wrap(mem.New(), New(1))
	cause := errors.New("stopped")
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(20*time.Millisecond, func() { cancel(cause) })
	if err := c.Put(ctx, "blob", make([]byte, 1000)); !errors.Is(err, cause) {
		t.Errorf("error %v", err)
	}
	deadline, cancelDeadline := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancelDeadline()
	if err := c.Put(deadline, "blob", make([]byte, 1000)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
}
