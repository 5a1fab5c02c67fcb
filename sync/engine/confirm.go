package engine

import (
	"context"
	"errors"
	"fmt"

	"clfsload/state"
	"clfsload/sync/blob"
)

// ErrGone: the container does not have any more what was published in it.
var ErrGone = errors.New("what was published is gone")

// Confirm makes sure, with three small requests, that the container still holds the last
// publication of a mount, and has its root. Errors: ErrGone, ErrForeign,
// ErrOtherPublication, blob.ErrContainerMissing, and those of requests.
func (e *Engine) Confirm(ctx context.Context) error {
	n, err := e.journal.Node(ctx, state.RootIno)
	if err != nil {
		return err
	}
	for {
		_, err := e.container.Get(ctx, n.PutName(), 0, 0)
		if err == nil {
			if _, err := e.bucket(ctx); err != nil {
				return err
			}
			if err := e.checkRoot(ctx); err != nil {
				return err
			}
			// That notices also that a directory was moved.
			return blob.Sync(ctx, e.container)
		}
		if !errors.Is(err, blob.ErrNotFound) {
			return fmt.Errorf("look for the root in %s: %w", e.container, err)
		}
		// A publication may have replaced it since the row was read.
		now, rowErr := e.journal.Node(ctx, state.RootIno)
		if rowErr != nil {
			return rowErr
		}
		if now.PutVersion == n.PutVersion && now.PutOwner == n.PutOwner {
			return e.gone(ctx, n.PutName())
		}
		n = now
	}
}

// gone says why a blob is not there that was put.
func (e *Engine) gone(ctx context.Context, name string) error {
	if _, err := e.bucket(ctx); err != nil {
		return err
	}
	return fmt.Errorf("%s: %w: it has no %s", e.container, ErrGone, name)
}
