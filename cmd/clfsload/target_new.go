package main

import (
	"context"
	"errors"
	"fmt"

	"clfsload/clfs"
	"clfsload/sync/blob"
	"clfsload/sync/blob/lease"
	"clfsload/sync/engine"
)

// fit checks, and changes nothing, whether the container can be that of a new STATE: it
// is missing and may be made, or it is empty, and the credentials are good for more than
// reading.
func (t *target) fit(ctx context.Context, create bool) (missing bool, err error) {
	if missing, err = t.find(ctx, create); err != nil || missing {
		return missing, err
	}
	if err := engine.CheckEmpty(ctx, t.Container); err != nil {
		return false, err
	}
	return false, t.probe(ctx)
}

// probeName is no blob's.
var probeName = clfs.ObjectName(clfs.BucketID, clfs.BucketID, clfs.TypeSpecial, clfs.FirstVersion+1)

// probe asks to delete and to lease a blob that is not there: the service refuses that
// when the credentials do not allow it. Whether they allow to put shows only with a put.
func (t *target) probe(ctx context.Context) error {
	if err := t.Container.Delete(ctx, probeName); err != nil {
		return fmt.Errorf("ask to delete from %s: %w", t, err)
	}
	err := t.retry.Do(ctx, "lease", probeName, func() error {
		_, err := t.lease.AcquireLease(ctx, probeName, blob.LeaseRequest{ID: randomUUID(), Duration: lease.Duration})
		return err
	})
	if err == nil || errors.Is(err, blob.ErrNotFound) {
		return nil
	}
	return fmt.Errorf("ask for the lease of %s: %w", t, err)
}

// make makes the container, for a STATE that may still be refused.
func (t *target) make(ctx context.Context, u *undo) error {
	if err := t.create(ctx); err != nil {
		return err
	}
	u.add(t.discard)
	return nil
}
