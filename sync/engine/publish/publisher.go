package publish

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"clfsload/clfs/object"
	"clfsload/state"
	"clfsload/sync/blob"
	"clfsload/sync/engine/blobs"
	"clfsload/sync/engine/bucket"
	"clfsload/sync/engine/claim"
	"clfsload/sync/engine/collect"
	"clfsload/sync/engine/memory"
	"clfsload/sync/engine/record"
)

// Publisher makes publications, one after the other.
type Publisher struct {
	Journal     *state.Journal
	Container   blob.Container
	Store       *blobs.Store
	Bucket      *bucket.Object
	Collector   *collect.Collector
	Gate        claim.Gate
	Budget      *memory.Budget
	NewRecorder func() *record.Recorder
	Inodes      *atomic.Int64 // counts the inodes that are put
	Live        bool          // the namespace is that of a mount
	Concurrency int           // steps at a time
}

// ErrLeftover: a publication is complete, but not everything that it replaced, or that
// was removed before it, could be deleted. Collect and the next publication do that.
var ErrLeftover = errors.New("blobs that are no longer needed are not deleted")

// Mount makes what is uploaded of a mount what the root leads to, as of one
// moment, and deletes what that replaces. Files that are open, or not uploaded yet,
// are published as they were last closed and uploaded; new ones are left out. With
// ErrLeftover comes the report of a publication that is complete.
//
// At every instant the container has a whole namespace: docs/design.md, "How a publication
// goes". If it fails or the process dies, the next publication, of any moment, completes it.
func (p *Publisher) Mount(ctx context.Context) (Report, error) {
	return p.publish(ctx, &publication{Publisher: p})
}

func (p *Publisher) publish(ctx context.Context, now *publication) (Report, error) {
	if err := p.Collector.Lock(ctx); err != nil {
		return Report{}, err
	}
	defer p.Collector.Unlock()
	b, err := p.Bucket.Read(ctx)
	if err == nil {
		err = p.Bucket.CheckRoot(ctx)
	}
	if err != nil {
		return Report{}, err
	}
	// A name that a publication before this one has left must not be put again
	// while it is garbage.
	if err := p.Collector.CollectLocked(ctx); err != nil {
		return Report{}, err
	}
	if err := p.putAll(ctx, now, b); err != nil {
		return Report{}, err
	}
	if err := p.Journal.EndPublish(ctx, now.report.Seq); err != nil {
		return Report{}, fmt.Errorf("end publication: %w", err)
	}
	if err := p.Collector.CollectLocked(ctx); err != nil {
		return now.report, fmt.Errorf("%w: %w", ErrLeftover, err)
	}
	return now.report, nil
}

// putAll begins a publication, and puts its mark and all that it consists of.
func (p *Publisher) putAll(ctx context.Context, now *publication, b object.Bucket) error {
	known, err := p.Journal.Mark(ctx)
	if err != nil {
		return err
	}
	now.rec = p.NewRecorder()
	err = p.Gate.Closed(ctx, func() (err error) {
		now.snap, err = p.Journal.BeginPublish(ctx, !p.Live)
		return err
	})
	if err != nil {
		return fmt.Errorf("begin publication: %w", err)
	}
	err = p.Bucket.Mark(ctx, b, known, now.snap.Publication())
	if err == nil {
		err = now.run(ctx)
	}
	if err = errors.Join(err, now.snap.Close()); err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	return nil
}
