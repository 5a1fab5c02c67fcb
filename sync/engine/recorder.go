package engine

import (
	"context"
	"time"

	"clfsload/rescue"
	"clfsload/state"
	"clfsload/sync/blob"
)

const (
	// maxBatch outcomes are committed in one transaction at most.
	maxBatch = 2048
	// gatherFor is how long outcomes are gathered when fewer come.
	gatherFor = 25 * time.Millisecond
)

// event is an outcome on its way to the journal, with what is held until it is
// there.
type event struct {
	// One of these, or flushed.
	block  *state.BlockOutcome
	upload *state.Upload
	failed *state.FailedUpload
	put    *state.Put // by a publication

	grants  []*grant
	landed  func()          // called when it is committed, or never will be
	flushed chan<- struct{} // closed when all events before it are committed
}

// recorder commits outcomes in batches. Before that it makes the blobs durable
// that they speak of.
type recorder struct {
	journal   *state.Journal
	container blob.Container
	most      int64 // outcomes that hold this much memory are committed at once
	live      bool  // otherwise what is recorded survives a power cut
	recorded  *bell // rings after outcomes were recorded
	events    chan event
}

// during runs fn, which may call add, and returns when all that was added is
// committed, also when ctx ended or fn failed.
func (r *recorder) during(ctx context.Context, fn func(context.Context) error) error {
	r.events = make(chan event, maxBatch)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	g := rescue.NewGroup()
	g.Go(func() error {
		// What was uploaded is recorded even when the run is being stopped.
		return r.loop(context.WithoutCancel(ctx), cancel)
	})
	err := fn(ctx)
	close(r.events)
	if loopErr := g.Wait(); loopErr != nil {
		return loopErr
	}
	return err
}

func (r *recorder) add(e event) { r.events <- e }

// drain returns when everything that was added before is committed, or ctx ends,
// which it does when committing fails.
func (r *recorder) drain(ctx context.Context) error {
	flushed := make(chan struct{})
	r.add(event{flushed: flushed})
	select {
	case <-flushed:
		return context.Cause(ctx)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// loop commits until events is closed. After an error, which it hands to stop, it
// only drains, so that nobody who adds is left waiting.
func (r *recorder) loop(ctx context.Context, stop context.CancelCauseFunc) error {
	var failed error
	for first := range r.events {
		batch := r.gather(first)
		if failed == nil {
			if failed = r.commit(ctx, batch); failed != nil {
				stop(failed)
			}
		}
		r.release(batch)
	}
	return failed
}

// gather waits for more, unless somebody waits for what there is.
func (r *recorder) gather(first event) []event {
	batch := []event{first}
	bytes := memoryOf(first)
	timer := time.NewTimer(gatherFor)
	defer timer.Stop()
	last := first
	for len(batch) < maxBatch && bytes < r.most && last.flushed == nil {
		select {
		case e, ok := <-r.events:
			if !ok {
				return batch
			}
			batch = append(batch, e)
			bytes += memoryOf(e)
			last = e
		case <-timer.C:
			return batch
		}
	}
	return batch
}

// memoryOf is the memory that an outcome holds.
func memoryOf(e event) (n int64) {
	for _, g := range e.grants {
		n += g.bytes()
	}
	return n
}

func (r *recorder) commit(ctx context.Context, batch []event) error {
	if err := blob.Sync(ctx, r.container); err != nil {
		return err
	}
	if err := r.record(ctx, batch); err != nil {
		return err
	}
	if r.live {
		return nil
	}
	return r.journal.Sync(ctx)
}

// record records blocks first: who uploads a node has added its blocks before.
func (r *recorder) record(ctx context.Context, batch []event) error {
	var blocks []state.BlockOutcome
	var uploads []state.Upload
	var failed []state.FailedUpload
	var puts []state.Put
	for _, e := range batch {
		switch {
		case e.block != nil:
			blocks = append(blocks, *e.block)
		case e.upload != nil:
			uploads = append(uploads, *e.upload)
		case e.failed != nil:
			failed = append(failed, *e.failed)
		case e.put != nil:
			puts = append(puts, *e.put)
		}
	}
	j := r.journal
	for _, record := range []func() error{
		func() error { return recordAll(ctx, blocks, j.RecordBlocks) },
		func() error { return recordAll(ctx, uploads, j.RecordUploads) },
		func() error { return recordAll(ctx, failed, j.RecordFailures) },
		func() error { return recordAll(ctx, puts, j.RecordPuts) },
	} {
		if err := record(); err != nil {
			return err
		}
	}
	return nil
}

func recordAll[T any](ctx context.Context, list []T, record func(context.Context, []T) error) error {
	if len(list) == 0 {
		return nil
	}
	return record(ctx, list)
}

// release gives back what the batch held and wakes those who wait for it.
func (r *recorder) release(batch []event) {
	for _, e := range batch {
		releaseAll(e.grants)
		if e.flushed != nil {
			close(e.flushed)
		}
		if e.landed != nil {
			e.landed()
		}
	}
	r.recorded.ring()
}
