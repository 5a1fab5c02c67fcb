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

// Fit checks, and changes nothing, whether the container can be that of a new STATE: it
// is missing and may be made, or it is empty, and the credentials are good for more than
// reading.
func (t *Target) Fit(ctx context.Context, create bool) (missing bool, err error) {
	if missing, err = t.find(ctx, create); err != nil || missing {
		return missing, err
	}
	if err := bucket.CheckEmpty(ctx, t.Container); err != nil {
		return false, err
	}
	return false, t.Probe(ctx)
}

// probeName is no blob's.
var probeName = clfs.ObjectName(clfs.BucketID, clfs.BucketID, clfs.TypeSpecial, clfs.FirstVersion+1)

// Probe asks to delete and to lease a blob that is not there: the service refuses that
// when the credentials do not allow it. Whether they allow to put shows only with a put.
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

// Make makes the container, for a STATE that may still be refused.
func (t *Target) Make(ctx context.Context, u *Undo) error {
	if err := t.create(ctx); err != nil {
		return err
	}
	u.Add(t.discard)
	return nil
}
