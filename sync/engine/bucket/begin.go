package bucket

import (
	"context"
	"errors"
	"fmt"

	"clfsload/clfs"
	"clfsload/clfs/object"
	"clfsload/state"
	"clfsload/sync/blob"
)

// Begin makes sure that the container is the journal's, before anything else is
// put: that of a new journal must be empty, and gets its bucket object. Any other must
// hold what the journal has published last. Errors: ErrNotEmpty, ErrForeign,
// ErrOtherPublication, and those of requests.
func (o *Object) Begin(ctx context.Context) error {
	if o.Journal.Phase() != state.PhaseNew {
		if _, err := o.Read(ctx); err != nil {
			return err
		}
		return o.CheckRoot(ctx)
	}
	if err := CheckEmpty(ctx, o.Container, Name); err != nil {
		return err
	}
	if err := o.checkClaim(ctx); err != nil {
		return err
	}
	m, err := o.Journal.Mark(ctx)
	if err != nil {
		return err
	}
	first := object.Bucket{UUID: o.Journal.Settings.BucketUUID, Mark: o.newMark()}
	first.Mark.ID = m.Newest
	if err := o.Put(ctx, first); err != nil {
		return err
	}
	return o.Journal.SetPhase(ctx, state.PhaseTransfer)
}

// checkClaim returns ErrForeign when another transfer has put its bucket object.
// What a power cut has left of our own is no other's.
func (o *Object) checkClaim(ctx context.Context) error {
	_, err := o.Container.Get(ctx, Name, 0, 0)
	switch {
	case errors.Is(err, blob.ErrNotFound):
		return nil
	case err != nil:
		return fmt.Errorf("look for the bucket object in %s: %w", o.Container, err)
	}
	var cut *clfs.FormatError
	if _, err = o.Read(ctx); errors.As(err, &cut) {
		return nil
	}
	return err
}

// Open notes in the container that blobs may come that no publication leads to yet, under
// an id that copies of STATE do not know. To be called once the container is claimed,
// before anything else is put.
func (o *Object) Open(ctx context.Context) error {
	b, err := o.Read(ctx)
	if err != nil {
		return err
	}
	known, err := o.Journal.Mark(ctx)
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
func (o *Object) Close(ctx context.Context) error {
	b, err := o.Read(ctx)
	if err != nil || b.Mark == nil || b.Mark.Open == "" || b.Mark.State != o.newMark().State {
		return err
	}
	b.Mark.Open = ""
	return o.Put(ctx, b)
}

// Abandon removes the bucket object of a transfer or mount that was refused after Begin, if
// it is in the container. One that another process has put stays.
func (o *Object) Abandon(ctx context.Context) error {
	_, err := o.Read(ctx)
	if errors.Is(err, ErrForeign) || errors.Is(err, ErrOtherPublication) {
		return nil
	}
	if err == nil {
		err = o.Container.Delete(ctx, Name)
	}
	if err == nil {
		err = blob.Sync(ctx, o.Container)
	}
	if err != nil {
		return fmt.Errorf("%s may still hold %s, which is to be deleted: %w", o.Container, Name, err)
	}
	return nil
}
