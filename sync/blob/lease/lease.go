package lease

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"clfsload/sync/blob"
)

// Duration is the lease duration that Acquire requests.
const Duration = 60 * time.Second

const (
	renewEvery = Duration / 3
	// againAfter is the time until a failed renewal is retried.
	againAfter = 2 * time.Second
	// margin is how long before its end a lease counts as expired, because requests take time.
	margin = 10 * time.Second
)

// Leased is what New can wrap.
type Leased interface {
	blob.Container
	blob.Leaser
}

// Container is a container whose lease can be taken. See New.
type Container struct {
	Leased
	claim atomic.Pointer[claim] // nil: no lease
}

var (
	_ blob.Container = (*Container)(nil)
	_ blob.Syncer    = (*Container)(nil)
)

// New returns a container that passes requests on to inner.
func New(inner Leased) *Container { return &Container{Leased: inner} }

// claim is a held lease.
type claim struct {
	lease blob.Lease
	until atomic.Pointer[time.Time] // the lease surely lasts

	mu   sync.Mutex // one renewal at a time
	lost error      // set once
}

// Acquire takes the lease of the blob of that name, which must exist, for [Duration].
// blob.ErrLeased: another process has it.
func (c *Container) Acquire(ctx context.Context, name string, r blob.LeaseRequest) error {
	began := time.Now()
	r.Duration = Duration
	l, err := c.AcquireLease(ctx, name, r)
	if err != nil {
		return err
	}
	k := &claim{lease: l}
	k.extend(began)
	c.claim.Store(k)
	return nil
}

// Keep renews the lease until ctx ends, and returns nil then. Its errors wrap blob.ErrLeaseLost,
// after which nothing is written, or blob.ErrContainerMissing.
func (c *Container) Keep(ctx context.Context) error {
	k := c.claim.Load()
	if k == nil {
		return nil
	}
	wait := renewEvery
	for {
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
		err := k.renew(ctx)
		if errors.Is(err, blob.ErrLeaseLost) || errors.Is(err, blob.ErrContainerMissing) {
			return err
		}
		wait = renewEvery
		if err != nil {
			wait = againAfter
		}
	}
}

// Release releases the lease, if there is one and it was not lost.
func (c *Container) Release(ctx context.Context) error {
	k := c.claim.Swap(nil)
	if k == nil {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.lost != nil {
		return nil
	}
	return k.lease.Release(ctx)
}

// Put implements blob.Container.
func (c *Container) Put(ctx context.Context, name string, data []byte) error {
	if err := c.mayWrite(ctx); err != nil {
		return fmt.Errorf("put %s: %w", name, err)
	}
	return c.Leased.Put(ctx, name, data)
}

// PutWhole implements blob.WholePutter.
func (c *Container) PutWhole(ctx context.Context, name string, data []byte) error {
	if err := c.mayWrite(ctx); err != nil {
		return fmt.Errorf("put %s: %w", name, err)
	}
	return blob.PutWhole(ctx, c.Leased, name, data)
}

// Delete implements blob.Container.
func (c *Container) Delete(ctx context.Context, name string) error {
	if err := c.mayWrite(ctx); err != nil {
		return fmt.Errorf("delete %s: %w", name, err)
	}
	return c.Leased.Delete(ctx, name)
}

// Sync implements blob.Syncer.
func (c *Container) Sync(ctx context.Context) error { return blob.Sync(ctx, c.Leased) }

// mayWrite renews the lease if it may have run out.
func (c *Container) mayWrite(ctx context.Context) error {
	k := c.claim.Load()
	if k == nil || k.lasts() {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.lasts() {
		return nil
	}
	return k._renew(ctx)
}

func (k *claim) extend(renewed time.Time) {
	until := renewed.Add(Duration - margin)
	k.until.Store(&until)
}

// lasts checks both clocks: one stops while the machine sleeps, the other can be set.
func (k *claim) lasts() bool {
	now, until := time.Now(), k.until.Load()
	return now.Before(*until) && now.Round(0).Before(until.Round(0))
}

func (k *claim) renew(ctx context.Context) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k._renew(ctx)
}

func (k *claim) _renew(ctx context.Context) error {
	if k.lost != nil {
		return k.lost
	}
	began := time.Now()
	err := k.lease.Renew(ctx)
	switch {
	case err == nil:
		k.extend(began)
	case errors.Is(err, blob.ErrLeaseLost), errors.Is(err, blob.ErrNotFound):
		// If the blob was deleted, there is no lease.
		k.lost = fmt.Errorf("%w: %w", blob.ErrLeaseLost, err)
		k.until.Store(&time.Time{})
		return k.lost
	}
	return err
}
