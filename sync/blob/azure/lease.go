package azure

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	sdkblob "github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	sdklease "github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/lease"

	"clfsload/sync/blob"
)

// lease is a lease of the service. A change of credentials does not affect it.
type lease struct {
	container *Container
	name, id  string
}

var _ blob.Leaser = (*Container)(nil)

// AcquireLease implements blob.Leaser. The service does not report the holder of a lease.
//
// A lease left by an earlier process is changed into the new one, so that the old id is no longer
// valid: if two processes know it, one of them loses.
func (c *Container) AcquireLease(ctx context.Context, name string, r blob.LeaseRequest) (blob.Lease, error) {
	if err := blob.CheckName(name); err != nil {
		return nil, fmt.Errorf("lease %s: %w", name, err)
	}
	l := &lease{c, name, r.ID}
	err := l.acquire(ctx, r.Duration)
	for i := 0; errors.Is(err, blob.ErrLeased) && i < len(r.Former); i++ {
		err = l.takeOver(ctx, r.Former[i])
	}
	if errors.Is(err, blob.ErrLeased) {
		err = l.endless(ctx, r, err)
	}
	if err != nil {
		return nil, fmt.Errorf("lease %s: %w", name, err)
	}
	c.leases.Store(name, r.ID)
	return l, nil
}

func (l *lease) acquire(ctx context.Context, duration time.Duration) error {
	return l.do(ctx, l.id, func(client *sdklease.BlobClient) error {
		_, err := client.AcquireLease(ctx, int32(duration/time.Second), nil)
		return err
	})
}

// takeOver changes the lease of id former into this one. ErrLeased: the blob is not leased with
// that id.
func (l *lease) takeOver(ctx context.Context, former string) error {
	err := l.do(ctx, former, func(client *sdklease.BlobClient) error {
		_, err := client.ChangeLease(ctx, l.id, nil)
		return err
	})
	if errors.Is(err, blob.ErrLeaseLost) {
		return fmt.Errorf("%w: %w", blob.ErrLeased, err)
	}
	if err != nil {
		return err
	}
	return l.renew(ctx)
}

// endless handles a lease of another process. A lease that expires is left alone, and so is any
// other unless it must be broken.
func (l *lease) endless(ctx context.Context, r blob.LeaseRequest, leased error) error {
	a := l.container.access.Load()
	p, err := a.client.NewBlobClient(l.name).GetProperties(ctx, nil)
	if err != nil {
		return errors.Join(leased, a.wrap(ctx, err))
	}
	switch {
	case p.LeaseDuration == nil || *p.LeaseDuration != sdklease.DurationTypeInfinite:
		return leased
	case !r.BreakEndless:
		return fmt.Errorf("%w: %w", blob.ErrEndlessLease, leased)
	}
	err = l.do(ctx, l.id, func(client *sdklease.BlobClient) error {
		_, err := client.BreakLease(ctx, &sdklease.BlobBreakOptions{BreakPeriod: to.Ptr(int32(0))})
		return err
	})
	if err != nil {
		return err
	}
	return l.acquire(ctx, r.Duration)
}

func (l *lease) renew(ctx context.Context) error {
	return l.do(ctx, l.id, func(client *sdklease.BlobClient) error {
		_, err := client.RenewLease(ctx, nil)
		return err
	})
}

// Renew implements blob.Lease. A lease that expired, and that no other process has taken since, is
// renewed as well.
func (l *lease) Renew(ctx context.Context) error {
	if err := l.renew(ctx); err != nil {
		return fmt.Errorf("renew lease of %s: %w", l.name, err)
	}
	return nil
}

// Release implements blob.Lease.
func (l *lease) Release(ctx context.Context) error {
	l.container.leases.Delete(l.name)
	err := l.do(ctx, l.id, func(client *sdklease.BlobClient) error {
		_, err := client.ReleaseLease(ctx, nil)
		return err
	})
	if err != nil {
		return fmt.Errorf("release lease of %s: %w", l.name, err)
	}
	return nil
}

// do sends a request about the lease id of the blob.
func (l *lease) do(ctx context.Context, id string, send func(*sdklease.BlobClient) error) error {
	a := l.container.access.Load()
	client, err := sdklease.NewBlobClient(a.client.NewBlobClient(l.name), &sdklease.BlobClientOptions{LeaseID: &id})
	if err == nil {
		err = send(client)
	}
	if err != nil {
		return a.wrap(ctx, err)
	}
	return nil
}

// condition returns the lease condition for a Put or Delete of a blob while this Container holds
// its lease; nil if it does not.
func (c *Container) condition(name string) *sdkblob.AccessConditions {
	id, held := c.leases.Load(name)
	if !held {
		return nil
	}
	return &sdkblob.AccessConditions{LeaseAccessConditions: &sdkblob.LeaseAccessConditions{LeaseID: to.Ptr(id.(string))}}
}
