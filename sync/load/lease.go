package load

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"

	"clfsload/sync/target"
)

// claim takes the lease of the container.
func (l *Load) claim(ctx context.Context) error {
	ids, err := target.DrawLease(l.journal.Dir())
	if err != nil {
		return err
	}
	ids.BreakEndless = l.options.Detached
	if err := l.target.Claim(ctx, ids); err != nil {
		return errors.Join(err, ids.Forget(err))
	}
	return nil
}

// holding runs do and renews the lease meanwhile. If the lease is lost, it cancels the context of
// do. At the end it releases the lease.
func (l *Load) holding(ctx context.Context, do func(context.Context) error) error {
	ctx, stop := context.WithCancelCause(ctx)
	keeping, done := context.WithCancel(ctx)
	var keeper errgroup.Group
	keeper.Go(func() error {
		err := l.target.Lease.Keep(keeping)
		if err != nil {
			stop(err)
		}
		return err
	})
	err := do(ctx)
	done()
	lost := keeper.Wait()
	stop(nil)
	if err := l.target.Release(ctx); err != nil {
		l.log.Warn("the lease was not released; the container may look in use for another minute", "error", err)
	}
	if err != nil && lost != nil {
		return lost
	}
	return err
}
