package retry_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"clfsload/sync/blob"
	"clfsload/sync/blob/mem"
	"clfsload/sync/blob/retry"
)

// guarded accepts requests while the credentials that it was given are the right ones.
type guarded struct {
	*mem.Container
	right, given atomic.Int64
	refused      atomic.Int64
}

func (g *guarded) Put(ctx context.Context, name string, data []byte) error {
	given := g.given.Load()
	time.Sleep(10 * time.Millisecond)
	if given != g.right.Load() {
		g.refused.Add(1)
		return blob.ErrCredentials
	}
	return g.Container.Put(ctx, name, data)
}

// locker is a guarded container behind one that repeats, which takes the credentials
// that are in the file.
type locker struct {
	*retry.Container
	guarded *guarded
	file    atomic.Int64
	looks   atomic.Int64
	wake    chan struct{}
	journal
}

func newLocker() *locker {
	l := &locker{guarded: &guarded{Container: mem.New()}, wake: make(chan struct{})}
	l.Container = retry.New(l.guarded, retry.Options{InFlight: 8, For: time.Minute, RefreshEvery: 5 * time.Second, Wake: l.wake,
		Refresh: func(context.Context) {
			l.looks.Add(1)
			l.guarded.given.Store(l.file.Load())
		}}, l.events())
	return l
}

func TestRefusedCredentialsPauseAllRequestsUntilThereAreNewOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLocker()
		if err := l.Put(t.Context(), "first", nil); err != nil {
			t.Fatal(err)
		}
		l.guarded.right.Store(1)
		var load sync.WaitGroup
		load.Go(func() { putMany(t, l, 2000) })
		time.Sleep(3 * time.Hour) // longer than requests are repeated
		// One in five seconds, and those that were on their way: 8, and 8 that took
		// their places before the first refusal was looked at.
		if n := l.guarded.refused.Load(); n > 3*3600/5+2*8 {
			t.Errorf("%d requests were sent during the pause", n)
		}
		l.want(t, "refused")
		l.file.Store(1)
		began := time.Now()
		load.Wait()
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("it took %s to go on and end", took)
		}
		l.want(t, "refused", "accepted")
	})
}

func TestCredentialsThatAreThereAlreadyAreTakenAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLocker()
		if err := l.Put(t.Context(), "first", nil); err != nil {
			t.Fatal(err)
		}
		l.guarded.right.Store(1)
		l.file.Store(1)
		began := time.Now()
		if err := l.Put(t.Context(), "a", nil); err != nil || time.Since(began) > time.Second {
			t.Errorf("Put: %v after %s", err, time.Since(began))
		}
	})
}

func TestAWakeEndsTheWaitForCredentials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLocker()
		if err := l.Put(t.Context(), "first", nil); err != nil {
			t.Fatal(err)
		}
		l.guarded.right.Store(1)
		var put sync.WaitGroup
		put.Go(func() {
			if err := l.Put(t.Context(), "a", nil); err != nil {
				t.Error(err)
			}
		})
		time.Sleep(time.Second)
		l.file.Store(1)
		began := time.Now()
		l.wake <- struct{}{}
		put.Wait()
		if took := time.Since(began); took > time.Second {
			t.Errorf("it took %s", took)
		}
	})
}

// A failure of the network while credentials are tried decides nothing.
func TestAProbeThatFailsOtherwiseIsFollowedByOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLocker()
		if err := l.Put(t.Context(), "first", nil); err != nil {
			t.Fatal(err)
		}
		l.guarded.right.Store(1)
		var tries atomic.Int64
		err := l.Do(t.Context(), "put", "a", func() error {
			if tries.Add(1); tries.Load() == 2 || tries.Load() == 3 {
				return blob.ErrTransient
			}
			l.file.Store(1)
			return l.guarded.Put(t.Context(), "a", nil)
		})
		if err != nil {
			t.Error(err)
		}
		l.want(t, "refused", "retrying", "retrying", "accepted", "recovered")
	})
}

// Who stops waiting lets another request do the looking.
func TestTheWaitGoesOnWhenTheRequestThatLooksIsStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLocker()
		if err := l.Put(t.Context(), "first", nil); err != nil {
			t.Fatal(err)
		}
		l.guarded.right.Store(1)
		ctx, cancel := context.WithCancel(t.Context())
		var stopped, other sync.WaitGroup
		stopped.Go(func() {
			if err := l.Put(ctx, "a", nil); !errors.Is(err, context.Canceled) {
				t.Errorf("Put that was stopped: %v", err)
			}
		})
		time.Sleep(time.Second)
		other.Go(func() {
			if err := l.Put(t.Context(), "b", nil); err != nil {
				t.Error(err)
			}
		})
		time.Sleep(time.Second)
		cancel()
		stopped.Wait()
		l.file.Store(1)
		other.Wait()
	})
}

func TestCredentialsThatWereNeverAcceptedAreAnError(t *testing.T) {
	l := newLocker()
	l.guarded.right.Store(1)
	if err := l.Put(t.Context(), "a", nil); !errors.Is(err, blob.ErrCredentials) || l.looks.Load() != 0 {
		t.Errorf("Put: %v", err)
	}
}

func TestWithoutAWayToGetCredentialsTheirRefusalIsAnError(t *testing.T) {
	g := &guarded{Container: mem.New()}
	c := retry.New(g, retry.Options{InFlight: 1, For: time.Minute}, retry.Events{})
	if err := c.Put(t.Context(), "a", nil); err != nil {
		t.Fatal(err)
	}
	g.right.Store(1)
	if err := c.Put(t.Context(), "a", nil); !errors.Is(err, blob.ErrCredentials) {
		t.Errorf("Put: %v", err)
	}
}
