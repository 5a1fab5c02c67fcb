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
	return j.submit(ctx, run, false)
}

// mutateDurably is mutate for what must survive a power cut when it returns.
func (j *Journal) mutateDurably(ctx context.Context, run func(*tx) error) error {
	return j.submit(ctx, run, true)
}

func (j *Journal) submit(ctx context.Context, run func(*tx) error, durable bool) error {
	var refused refusal
	u := &update{durable: durable, done: make(chan error, 1)}
	u.run = func(t *tx) error {
		refused = ""
		err := run(t)
		if errors.As(err, &refused) {
			return nil
		}
		return err
	}
	if err := j.enqueue(ctx, u); err != nil {
		return err
	}
	if refused != "" {
		return refused
	}
	return nil
}

// Sync returns when all changes that were acknowledged before it survive a power
// cut. It costs nothing when there are none.
func (j *Journal) Sync(ctx context.Context) error {
	if j.write == nil || !j.write.unsynced.Load() {
		return nil
	}
	return j.mutateDurably(ctx, func(*tx) error { return nil })
}
