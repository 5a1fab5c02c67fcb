package memory

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
)

func TestWhatAGrantGivesBackIsForTheNextOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(100)
		g, err := b.Acquire(t.Context(), 80)
		if err != nil {
			t.Fatal(err)
		}
		var next *Grant
		go func() { next, _ = b.Acquire(t.Context(), 60) }()
		synctest.Wait()
		if next != nil {
			t.Error("80 and 60 bytes of 100 were granted")
		}
		g.Shrink(40)
		synctest.Wait()
		if next == nil || g.Bytes() != 40 {
			t.Fatalf("40 and 60 bytes of 100 were not granted, or %d bytes are left of 40", g.Bytes())
		}
		ReleaseAll([]*Grant{g, next})
		if _, err := b.Acquire(t.Context(), 100); err != nil {
			t.Error(err)
		}
	})
}

func TestWaitingForMemoryEndsWithTheCauseOfTheContext(t *testing.T) {
	stop := errors.New("stop")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(stop)
	b := New(1)
	if _, err := b.Acquire(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Acquire(ctx, 1); !errors.Is(err, stop) {
		t.Errorf("error %v", err)
	}
}

func TestABufferHasRoomForWhatItIsAskedFor(t *testing.T) {
	b := New(1)
	for _, n := range []int{0, 1, 64 << 10, 64<<10 + 1, 8 << 20, 8<<20 + 64<<10} {
		p := b.Buffer(n)
		if cap(*p) < n || int64(cap(*p)) != Capacity(n) {
			t.Errorf("a buffer for %d bytes has room for %d, it counts as %d", n, cap(*p), Capacity(n))
		}
		b.Recycle(p)
	}
}
