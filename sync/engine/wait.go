package engine

import (
	"context"
	"errors"
	"time"

	"clfsload/state"
)

// ErrNotUploaded: files wait for their upload that the last try has failed of.
var ErrNotUploaded = errors.New("files could not be uploaded")

// WaitUploaded returns when no node is queued any more whose last change is seq or
// older. Upload must be running. When all that is left has failed it returns
// ErrNotUploaded; the journal has the reasons, and they are tried again.
func (e *Engine) WaitUploaded(ctx context.Context, seq uint64) error {
	failed := false
	var after state.Ino
	for {
		changed, recorded := e.journal.Changed(), e.recorded.Wait()
		n, found, err := e.oldestQueued(ctx, after, seq)
		switch {
		case err != nil:
			return err
		case !found && failed:
			return ErrNotUploaded
		case !found:
			return nil
		}
		// A node that is queued anew has a higher number: those before this one
		// need not be looked at again.
		after = n.Ino - 1
		if e.resting.Failing(n.Ino) {
			failed, after = true, n.Ino
			continue
		}
		select {
		case <-changed: // it may have been written to or removed
		case <-recorded:
		case <-time.After(idle):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// oldestQueued returns the first queued node after one whose change is seq or
// older.
func (e *Engine) oldestQueued(ctx context.Context, after state.Ino, seq uint64) (n state.Node, found bool, err error) {
	for {
		page, err := e.journal.QueuedNodes(ctx, after, feedPage)
		if err != nil || len(page) == 0 {
			return state.Node{}, false, err
		}
		for _, n := range page {
			if n.Seq <= seq {
				return n, true, nil
			}
		}
		after = page[len(page)-1].Ino
	}
}
