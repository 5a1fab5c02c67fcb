package mem

import (
	"context"
	"fmt"
	"slices"
	"time"

	"clfsload/sync/blob"
)

// lease is a lease of the blob of that name.
type lease struct {
	container *Container
	name      string
	id        string
	duration  time.Duration
}

// claim is the holder of a blob's lease, and its end.
type claim struct {
	id      string
	expires time.Time
}

var _ blob.Leaser = (*Container)(nil)

// AcquireLease implements blob.Leaser. Puts and Deletes of leased blobs are not
// refused: all users of the container share it.
func (c *Container) AcquireLease(ctx context.Context, name string, r blob.LeaseRequest) (blob.Lease, error) {
	if err := check(ctx, name); err != nil {
		return nil, fmt.Errorf("lease %s: %w", name, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.blobs[name]; !ok {
		return nil, fmt.Errorf("lease %s: %w", name, blob.ErrNotFound)
	}
	now := time.Now()
	held, ok := c.leases[name]
	if ok && now.Before(held.expires) && held.id != r.ID && !slices.Contains(r.Former, held.id) {
		return nil, fmt.Errorf("lease %s: %w", name, blob.ErrLeased)
	}
	c.leases[name] = claim{r.ID, now.Add(r.Duration)}
	return &lease{c, name, r.ID, r.Duration}, nil
}

// BreakLease ends the lease of a blob, whoever holds it, for tests.
func (c *Container) BreakLease(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.leases, name)
}

// Renew implements blob.Lease.
func (l *lease) Renew(ctx context.Context) error {
	return l.update(ctx, "renew", func() {
		l.container.leases[l.name] = claim{l.id, time.Now().Add(l.duration)}
	})
}

// Release implements blob.Lease.
func (l *lease) Release(ctx context.Context) error {
	return l.update(ctx, "release", func() { delete(l.container.leases, l.name) })
}

// update runs do if the lease is still this one, expired or not.
func (l *lease) update(ctx context.Context, what string, do func()) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s lease of %s: %w", what, l.name, err)
	}
	l.container.mu.Lock()
	defer l.container.mu.Unlock()
	if l.container.leases[l.name].id != l.id {
		return fmt.Errorf("%s lease of %s: %w", what, l.name, blob.ErrLeaseLost)
	}
	do()
	return nil
}
