package engine

import (
	"context"
	"errors"
	"sync"
	"time"

	"clfsload/state"
	"clfsload/sync/blob"
)

// lookEvery is how often a node is looked at while it is uploaded.
const lookEvery = 250 * time.Millisecond

// whileUseful runs do, which uploads what j names. The context of do ends with errStale
// when nothing of that will count any more: the file was removed, or its contents have
// changed. Puts that may have reached the container come to their end nevertheless, so
// whoever deletes or puts the same names after do has returned comes after them.
func (w *worker) whileUseful(ctx context.Context, j *job, do func(context.Context) error) error {
	if !w.options.Live {
		return do(ctx)
	}
	ctx, revoke := blob.Revocable(ctx)
	defer revoke(nil)
	watching, stop := context.WithCancel(ctx)
	var watcher sync.WaitGroup
	taken := *j
	watcher.Go(func() { w.revokeUseless(watching, taken, revoke) })
	err := do(ctx)
	stop()
	watcher.Wait()
	if err != nil && context.Cause(ctx) == errStale {
		return errStale // whatever error it has led to
	}
	return err
}

// revokeUseless looks at the node of a job whenever anything in the journal has changed.
func (e *Engine) revokeUseless(ctx context.Context, j job, revoke context.CancelCauseFunc) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for seen := uint64(0); ; {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		seq := e.journal.Seq()
		if seq == seen {
			continue
		}
		// An error of the journal comes out when the outcome is recorded.
		useless, err := e.isUseless(ctx, j)
		if err != nil {
			continue
		}
		if seen = seq; useless {
			revoke(errStale)
			return
		}
	}
}

// isUseless reports whether the journal will pass over what a job uploads. Attributes
// and names may have changed: the segments count all the same.
func (e *Engine) isUseless(ctx context.Context, j job) (bool, error) {
	n, err := e.journal.Node(ctx, j.node.Ino)
	switch {
	case errors.Is(err, state.ErrNoEntry):
		return true, nil
	case err != nil:
		return false, err
	case n.State == state.Removed || n.Next != j.node.Next:
		return true, nil
	case j.early:
		queued, err := e.journal.IsBlockQueued(ctx, n.Ino, j.block)
		return !queued, err
	}
	return n.Cseq != j.node.Cseq, nil
}
