package engine

import (
	"context"
	"errors"
	"fmt"

	"clfsload/clfs"
	"clfsload/state"
	"clfsload/sync/blob"
)

// Begin makes sure that the container is the journal's, before anything else is
// put: that of a new journal must be empty, and gets its bucket object. Any other must
// hold what the journal has published last. Errors: ErrNotEmpty, ErrForeign,
// ErrOtherPublication, and those of requests.
func (o *bucketObject) Begin(ctx context.Context) error {
	if o.journal.Phase() != state.PhaseNew {
		if _, err := o.read(ctx); err != nil {
			return err
		}
		return o.checkRoot(ctx)
	}
	if err := CheckEmpty(ctx, o.container, BucketName); err != nil {
		return err
	}
	if err := o.checkClaim(ctx); err != nil {
		return err
	}
	m, err := o.journal.Mark(ctx)
	if err != nil {
		return err
	}
	first := clfs.Bucket{UUID: o.journal.Settings.BucketUUID, Mark: o.newMark()}
	first.Mark.ID = m.Newest
	if err := o.put(ctx, first); err != nil {
		return err
	}
	return o.journal.SetPhase(ctx, state.PhaseTransfer)
}

// checkClaim returns ErrForeign when another transfer has put its bucket object.
// What a power cut has left of our own is no other's.
func (o *bucketObject) checkClaim(ctx context.Context) error {
	_, err := o.container.Get(ctx, BucketName, 0, 0)
	switch {
	case errors.Is(err, blob.ErrNotFound):
		return nil
	case err != nil:
		return fmt.Errorf("look for the bucket object in %s: %w", o.container, err)
	}
	var cut *clfs.FormatError
	if _, err = o.read(ctx); errors.As(err, &cut) {
		return nil
	}
	return err
}

// Open notes in the container that blobs may come that no publication leads to yet, under
// an id that copies of STATE do not know. To be called once the container is claimed,
// before anything else is put.
func (o *bucketObject) Open(ctx context.Context) error {
	b, err := o.read(ctx)
	if err != nil {
		return err
	}
	known, err := o.journal.Mark(ctx)
	if err != nil {
		return err
	}
	mark := o.newMark()
	if b.Mark != nil {
		mark.Time = b.Mark.Time
	}
	return o.renew(ctx, b, known, mark)
}

// Close notes in the container that no such blobs are left. To be called at the end,
// when everything is published and tidy. Another STATE's mark stays as it is.
func (o *bucketObject) Close(ctx context.Context) error {
	b, err := o.read(ctx)
	if err != nil || b.Mark == nil || b.Mark.Open == "" || b.Mark.State != o.newMark().State {
		return err
	}
	b.Mark.Open = ""
	return o.put(ctx, b)
}

// Abandon removes the bucket object of a transfer or mount that was refused after Begin, if
// it is in the container. One that another process has put stays.
func (o *bucketObject) Abandon(ctx context.Context) error {
	_, err := o.read(ctx)
	if errors.Is(err, ErrForeign) || errors.Is(err, ErrOtherPublication) {
		return nil
	}
	if err == nil {
		err = o.container.Delete(ctx, BucketName)
	}
	if err == nil {
		err = blob.Sync(ctx, o.container)
	}
	if err != nil {
		return fmt.Errorf("%s may still hold %s, which is to be deleted: %w", o.container, BucketName, err)
	}
	return nil
}
