package engine

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"clfsload/clfs"
	"clfsload/state"
	"clfsload/sync/blob"
)

// publisher makes publications, one after the other.
type publisher struct {
	journal     *state.Journal
	container   blob.Container
	store       *store
	bucket      *bucketObject
	collector   *collector
	gate        gate
	budget      *budget
	newRecorder func() *recorder
	inodes      *atomic.Int64 // counts the inodes that are put
	live        bool          // the namespace is that of a mount
	concurrency int           // steps at a time
}

// ErrLeftover: a publication is complete, but not everything that it replaced, or that
// was removed before it, could be deleted. Collect and the next publication do that.
var ErrLeftover = errors.New("blobs that are no longer needed are not deleted")

// mount makes what is uploaded of a mount what the root leads to, as of one
// moment, and deletes what that replaces. Files that are open, or not uploaded yet,
// are published as they were last closed and uploaded; new ones are left out. With
// ErrLeftover comes the report of a publication that is complete.
//
// At every instant the container has a whole namespace: docs/design.md, "How a publication
// goes". If it fails or the process dies, the next publication, of any moment, completes it.
func (p *publisher) mount(ctx context.Context) (PublishReport, error) {
	return p.publish(ctx, &publication{publisher: p})
}

func (p *publisher) publish(ctx context.Context, now *publication) (PublishReport, error) {
	if err := p.collector.lock(ctx); err != nil {
		return PublishReport{}, err
	}
	defer p.collector.unlock()
	b, err := p.bucket.read(ctx)
	if err == nil {
		err = p.bucket.checkRoot(ctx)
	}
	if err != nil {
		return PublishReport{}, err
	}
	// A name that a publication before this one has left must not be put again
	// while it is garbage.
	if err := p.collector.collect(ctx); err != nil {
		return PublishReport{}, err
	}
	if err := p.putAll(ctx, now, b); err != nil {
		return PublishReport{}, err
	}
	if err := p.journal.EndPublish(ctx, now.report.Seq); err != nil {
		return PublishReport{}, fmt.Errorf("end publication: %w", err)
	}
	if err := p.collector.collect(ctx); err != nil {
		return now.report, fmt.Errorf("%w: %w", ErrLeftover, err)
	}
	return now.report, nil
}

// putAll begins a publication, and puts its mark and all that it consists of.
func (p *publisher) putAll(ctx context.Context, now *publication, b clfs.Bucket) error {
	known, err := p.journal.Mark(ctx)
	if err != nil {
		return err
	}
	now.rec = p.newRecorder()
	err = p.gate.closed(ctx, func() (err error) {
		now.snap, err = p.journal.BeginPublish(ctx, !p.live)
		return err
	})
	if err != nil {
		return fmt.Errorf("begin publication: %w", err)
	}
	err = p.bucket.mark(ctx, b, known, now.snap.Publication())
	if err == nil {
		err = now.run(ctx)
	}
	if err = errors.Join(err, now.snap.Close()); err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	return nil
}
