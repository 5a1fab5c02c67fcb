package load

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"

	"clfsload/sync/target"
)

// claim takes the lease of the container.
func (l *Load) claim(ctx context.Context) error {
	ids, err := target.DrawLease(l.Journal.Dir())
	if err != nil {
		return err
	}
	ids.BreakEndless = l.options.Detached
	if err := l.Target.Claim(ctx, ids); err != nil {
		return errors.Join(err, ids.Forget(err))
	}
	return nil
}

// Holding runs do while it keeps the lease, ends its context when the lease is lost,
// and gives the lease back.
func (l *Load) Holding(ctx context.Context, do func(context.Context) error) error {
	ctx, stop := context.WithCancelCause(ctx)
	keeping, done := context.WithCancel(ctx)
	var keeper errgroup.Group
	keeper.Go(func() error {
		err := l.Target.Lease.Keep(keeping)
		if err != nil {
			stop(err)
		}
		return err
	})
	err := do(ctx)
	done()
	lost := keeper.Wait()
	stop(nil)
	if err := l.Target.Release(ctx); err != nil {
		l.log.Warn("the container may be taken for in use for another minute", "error", err)
	}
	if err != nil && lost != nil {
		return lost
	}
	return err
}
