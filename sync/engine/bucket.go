package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"clfsload/clfs"
	"clfsload/sync/blob"
)

var (
	// ErrNotEmpty: a new transfer needs an empty container.
	ErrNotEmpty = errors.New("container is not empty")
	// ErrForeign: the container is not the one that the journal belongs to.
	ErrForeign = errors.New("container does not belong to this journal")
)

// BucketName is the blob of the bucket object, which a process that writes to a
// container holds the lease of.
var BucketName = clfs.ObjectName(clfs.BucketID, clfs.BucketID, clfs.TypeSpecial, clfs.FirstVersion)

const maxBucketPayload = 1 << 20

// CheckEmpty returns ErrNotEmpty when the container has a blob other than those
// that are named.
func CheckEmpty(ctx context.Context, c blob.Container, but ...string) error {
	for info, err := range blob.All(ctx, c, "") {
		if err != nil {
			return fmt.Errorf("look into %s: %w", c, err)
		}
		if !slices.Contains(but, info.Name) {
			return fmt.Errorf("%s: %w: it has %s", c, ErrNotEmpty, info.Name)
		}
	}
	return nil
}

// Abandon removes the bucket object of a transfer or mount that was refused after Begin, if
// it is in the container. One that another process has put stays.
func (e *Engine) Abandon(ctx context.Context) error {
	_, err := e.bucket(ctx)
	if errors.Is(err, ErrForeign) || errors.Is(err, ErrOtherPublication) {
		return nil
	}
	if err == nil {
		err = e.container.Delete(ctx, BucketName)
	}
	if err == nil {
		err = blob.Sync(ctx, e.container)
	}
	if err != nil {
		return fmt.Errorf("%s may still hold %s, which is to be deleted: %w", e.container, BucketName, err)
	}
	return nil
}
