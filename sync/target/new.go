package target

import (
	"context"
	"errors"
	"fmt"

	"clfsload/clfs"
	"clfsload/sync/blob"
	"clfsload/sync/blob/lease"
	"clfsload/sync/engine/bucket"
	"clfsload/sync/random"
)

// Fit checks, without any change, whether the container can be that of a new STATE. It must be
// missing and creatable, or empty; and the credentials must allow more than reading.
func (t *Target) Fit(ctx context.Context, create bool) (missing bool, err error) {
	if missing, err = t.find(ctx, create); err != nil || missing {
		return missing, err
	}
	if err := bucket.CheckEmpty(ctx, t.Container); err != nil {
		return false, err
	}
	return false, t.Probe(ctx)
}

// probeName is not the name of any blob.
var probeName = clfs.ObjectName(clfs.BucketID, clfs.BucketID, clfs.TypeSpecial, clfs.FirstVersion+1)

// Probe asks to delete and to lease a missing blob: the service refuses that if the credentials do
// not allow it. Only a put shows whether they allow to put.
func (t *Target) Probe(ctx context.Context) error {
	if err := t.Container.Delete(ctx, probeName); err != nil {
		return fmt.Errorf("check permission to delete in %s: %w", t, err)
	}
	err := t.retry.Do(ctx, "lease", probeName, func() error {
		_, err := t.Lease.AcquireLease(ctx, probeName, blob.LeaseRequest{ID: random.UUID(), Duration: lease.Duration})
		return err
	})
	if err == nil || errors.Is(err, blob.ErrNotFound) {
		return nil
	}
	return fmt.Errorf("check the lease of %s: %w", t, err)
}

// Make creates the container, for a STATE that may still be refused.
func (t *Target) Make(ctx context.Context, u *Undo) error {
	if err := t.create(ctx); err != nil {
		return err
	}
	u.Add(t.discard)
	return nil
}
