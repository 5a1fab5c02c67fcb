package faulty

import (
	"context"
	"fmt"

	"clfsload/sync/blob"
)

// AcquireLease implements blob.Leaser if the inner container does.
func (c *Container) AcquireLease(ctx context.Context, name string, r blob.LeaseRequest) (l blob.Lease, err error) {
	inner, ok := c.inner.(blob.Leaser)
	if !ok {
		return nil, fmt.Errorf("lease %s: %w: %s has no leases", name, blob.ErrUnexpected, c)
	}
	err = c.call(ctx, Lease, name, func() error {
		l, err = inner.AcquireLease(ctx, name, r)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &lease{c, name, l}, nil
}

// lease passes calls on to the inner container's.
type lease struct {
	container *Container
	name      string
	inner     blob.Lease
}

func (l *lease) Renew(ctx context.Context) error {
	return l.container.call(ctx, Renew, l.name, func() error { return l.inner.Renew(ctx) })
}

func (l *lease) Release(ctx context.Context) error {
	return l.container.call(ctx, Release, l.name, func() error { return l.inner.Release(ctx) })
}
