package state

import (
	"context"
	"errors"
)

// mutate runs a change of the mount's namespace. When it returns the change
// survives the death of the process, and from the next Sync on a power cut.
//
// run may be refused before it has changed anything, the ledger included: by an
// error that is a refusal.
func (j *Journal) mutate(ctx context.Context, run func(*tx) error) error {
	return j.refusable(ctx, run, false)
}

// note is mutate for changes that are made all the time. What run changes by
// statements must be redoable, and a node by save or insertNode.
func (j *Journal) note(ctx context.Context, run func(*tx) error) error {
	return j.refusable(ctx, run, true)
}

func (j *Journal) refusable(ctx context.Context, run func(*tx) error, mayWait bool) error {
	var refused refusal
	err := j.commit(ctx, &update{mayWait: mayWait, run: func(t *tx) error {
		refused = ""
		err := run(t)
		if errors.As(err, &refused) {
			return nil
		}
		return err
	}})
	if err == nil && refused != "" {
		return refused
	}
	return err
}

// mutateDurably is mutate for what must survive a power cut when it returns.
func (j *Journal) mutateDurably(ctx context.Context, run func(*tx) error) error {
	if err := j.mutate(ctx, run); err != nil {
		return err
	}
	return j.Sync(ctx)
}
