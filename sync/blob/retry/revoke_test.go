package retry_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"

	"clfsload/sync/blob"
	"clfsload/sync/blob/faulty"
	"clfsload/sync/blob/retry"
)

// A put that nobody needs any more ends where it waits, unless the container may have
// carried it out: then its outcome must be known before anything else is done with the name.
func TestARevokedPutEndsUnlessItMayHaveTakenEffect(t *testing.T) {
	for name, c := range map[string]struct {
		fault faulty.Fault
		ends  bool
	}{
		"throttled":          {faulty.Fault{Err: blob.ErrThrottled}, true},
		"damaged on its way": {faulty.Fault{Err: blob.ErrChecksum}, true},
		"unknown":            {faulty.Fault{Err: blob.ErrTransient}, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t, day())
				f.faults.On(faulty.Put, slices.Repeat([]faulty.Fault{c.fault}, 3)...)
				ctx, revoke := blob.Revocable(t.Context())
				ended := make(chan error, 1)
				go func() { ended <- f.Put(ctx, "a", []byte("data")) }()
				synctest.Wait() // it pauses after the first try
				revoke(errStop)
				err := <-ended
				_, found := f.Get(t.Context(), "a", 0, -1)
				if c.ends && (!errors.Is(err, errStop) || !errors.Is(found, blob.ErrNotFound)) || !c.ends && (err != nil || found != nil) {
					t.Errorf("Put returned %v, Get %v", err, found)
				}
			})
		})
	}
}

// slow is a container whose puts are carried out when they are let go.
type slow struct {
	blob.Container
	begun, letGo chan struct{}
}

func (s *slow) Put(ctx context.Context, name string, data []byte) error {
	close(s.begun)
	select {
	case <-s.letGo:
		return s.Container.Put(ctx, name, data)
	case <-ctx.Done():
		return ctx.Err()
	}
}

func TestARevokedPutIsNotCutOffOnItsWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, day())
		s := &slow{Container: f.Container, begun: make(chan struct{}), letGo: make(chan struct{})}
		c := retry.New(s, day(), retry.Events{})
		ctx, revoke := blob.Revocable(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- c.Put(ctx, "a", []byte("data")) }()
		<-s.begun
		revoke(errStop)
		synctest.Wait()
		close(s.letGo)
		if err := <-ended; err != nil {
			t.Errorf("Put returned %v", err)
		}
	})
}
