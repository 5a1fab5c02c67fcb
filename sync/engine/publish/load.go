package publish

import (
	"context"
	"errors"
	"fmt"

	"clfsload/state"
	"clfsload/sync/engine/bucket"
)

// ErrIncomplete: entries failed, so that there is nothing to publish.
var ErrIncomplete = errors.New("entries failed")

// Load is Mount for a load, after Upload: then the container is attachable. When entries
// failed it returns ErrIncomplete, unless incomplete is set: then they are left out, and so
// is everything that they have left in the container. The logs are put before the
// root. It may be repeated.
func (p *Publisher) Load(ctx context.Context, incomplete bool, logs ...Log) error {
	if err := p.checkUploaded(ctx); err != nil {
		return err
	}
	if p.Journal.Totals().Failures > 0 {
		if !incomplete {
			return ErrIncomplete
		}
		if err := p.Journal.LeaveOut(ctx); err != nil {
			return err
		}
	}
	report, err := p.publish(ctx, &publication{Publisher: p, last: true, logs: logs})
	if err != nil {
		return err
	}
	if n := len(report.Behind); n > 0 { // only of a container that lacks blobs
		b := report.Behind[0]
		return fmt.Errorf("%w: %d entries could not be published as they are now, among them %q: %s", bucket.ErrGone, n, b.Path, b.Failure)
	}
	if err := p.Bucket.Close(ctx); err != nil {
		return err
	}
	return p.Journal.SetPhase(ctx, state.PhaseComplete)
}

// checkUploaded returns an error unless all of the source is known, and uploaded or failed.
func (p *Publisher) checkUploaded(ctx context.Context) error {
	listed, err := p.Journal.Listed(ctx)
	if err != nil {
		return err
	}
	c := p.Journal.Counts()
	if waiting := c.Queued + c.Linking + c.Dirty; !listed || waiting > 0 {
		return fmt.Errorf("publish: %d entries are not uploaded, all are known: %v", waiting, listed)
	}
	return nil
}
