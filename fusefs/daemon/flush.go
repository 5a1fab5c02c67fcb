package daemon

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"clfsload/fusefs/daemon/wire"
	"clfsload/sync/engine"
	"clfsload/sync/engine/publish"
)

// flush returns when everything that was acknowledged before the call is uploaded, but
// for what cannot be. leave: incomplete files are no failure.
func (m *mount) flush(ctx context.Context, leave bool) (r wire.Report, err error) {
	began := time.Now()
	r = wire.NewReport(m.target.String())
	if err := m.settleAll(ctx); err != nil {
		return r, err
	}
	seq := m.journal.Seq()
	waiting, stop := m.uploads.Useful(ctx)
	if err = m.engine.WaitUploaded(waiting, seq); waiting.Err() != nil {
		err = context.Cause(waiting)
	}
	stop()
	if err != nil && !errors.Is(err, engine.ErrNotUploaded) {
		return r, m.late(ctx, err)
	}
	if err := m.listUnsettled(ctx, seq, &r, leave); err != nil {
		return r, err
	}
	reasons, err := m.failureReasons(ctx)
	if err != nil {
		return r, err
	}
	for _, path := range slices.Sorted(maps.Keys(reasons)) {
		r.Add(path, reasons[path])
	}
	r.Uploaded = r.LeftTotal == 0
	r.Seconds = time.Since(began).Seconds()
	return r, nil
}

// settleAll makes everything that is closed ready for its upload. That is short work
// on the local disk, and is done even when there is no time for the upload.
func (m *mount) settleAll(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleLimit)
	defer cancel()
	if err := m.fs.SettleNow(ctx); err != nil {
		return fmt.Errorf("settle: %w", err)
	}
	return nil
}

// settleLimit is for a disk that does not answer.
const settleLimit = time.Minute

// publish flushes, and makes what is uploaded reachable from the root. Where nothing is
// to be done, nothing else would notice that what was published is gone.
func (m *mount) publish(ctx context.Context, leave bool) (wire.Report, error) {
	r, idle, err := m.publishLeft(ctx, leave)
	if err == nil && idle {
		err = m.late(ctx, m.engine.Confirm(ctx))
		r.Published = err == nil
	}
	return r, err
}

// publishLeft is publish for what is not published yet. idle: there is nothing.
func (m *mount) publishLeft(ctx context.Context, leave bool) (r wire.Report, idle bool, err error) {
	began := time.Now()
	if r, err = m.flush(ctx, leave); err != nil {
		return r, false, err
	}
	tidy, err := m.journal.Tidy(ctx)
	if err != nil {
		return r, false, err
	}
	if tidy && m.allPublished() {
		r.Published = true
		return r, true, nil
	}
	p, leftover := m.publishNow(ctx)
	if leftover != nil && !errors.Is(leftover, publish.ErrLeftover) {
		return r, false, leftover
	}
	if err := m.nameBehind(ctx, &r, p, leave); err != nil {
		return r, false, err
	}
	r.Published, r.Objects, r.Dirs = r.LeftTotal == 0, p.Nodes, p.Directories
	r.Seconds = time.Since(began).Seconds()
	return r, false, leftover
}

// publishNow publishes what is uploaded, and logs it.
func (m *mount) publishNow(ctx context.Context) (p publish.Report, err error) {
	m.publishing.Add(1)
	defer m.publishing.Add(-1)
	err = m.uploads.Within(ctx, func(ctx context.Context) error {
		p, err = m.engine.PublishMount(ctx)
		return err
	})
	if err = m.late(ctx, err); err != nil && !errors.Is(err, publish.ErrLeftover) {
		return p, err
	}
	m.options.Log.Info("published", "objects", p.Nodes, "directories", p.Directories, "left_out", p.LeftOut, "kept_old", p.KeptOld)
	return p, err
}

// publishChanges publishes if there is anything to publish.
func (m *mount) publishChanges(ctx context.Context) error {
	t := m.journal.Counts()
	if t.PublishedAt != 0 && t.Held == 0 && t.Sealed == 0 {
		return nil
	}
	_, err := m.publishNow(ctx)
	return err
}

// late says why something was not done in the time that there was.
func (m *mount) late(ctx context.Context, err error) error {
	if err == nil || !errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
		return err
	}
	late := errOutOfTime
	if errors.Is(err, publish.ErrLeftover) {
		late = fmt.Errorf("%w: %w", publish.ErrLeftover, errOutOfTime)
	}
	if t := m.uploads.Why(); t != nil {
		late = fmt.Errorf("%w: %s", late, t.Err)
	}
	return late
}

var errOutOfTime = errors.New("there was not enough time")

// allPublished reports whether nothing waits for the next mount.
func (m *mount) allPublished() bool {
	t := m.journal.Counts()
	return t.PublishedAt != 0 && !m.journal.Publishing() && t.Dirty+t.Queued+t.Sealed+t.Held == 0
}
