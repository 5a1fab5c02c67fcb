package record

import (
	"context"
	"time"

	"clfsload/rescue"
	"clfsload/state"
	"clfsload/sync/blob"
	"clfsload/sync/engine/memory"
)

const (
	// maxBatch outcomes are committed in one transaction at most.
	maxBatch = 2048
	// gatherFor is how long outcomes are gathered when fewer come.
	gatherFor = 25 * time.Millisecond
)

// Event is an outcome on its way to the journal, with what is held until it is
// there.
type Event struct {
	// One of these, or flushed.
	Block  *state.BlockOutcome
	Upload *state.Upload
	Failed *state.FailedUpload
	Put    *state.Put // by a publication

	Grants  []*memory.Grant
	Landed  func()          // called when it is committed, or never will be
	flushed chan<- struct{} // closed when all events before it are committed
}

// Recorder commits outcomes in batches. Before that it makes the blobs durable
// that they speak of.
type Recorder struct {
	Journal    *state.Journal
	Container  blob.Container
	BatchBytes int64 // outcomes that hold this much memory are committed at once
	Live       bool  // otherwise what is recorded survives a power cut
	Recorded   *Bell // rings after outcomes were recorded
	events     chan Event
}

// During runs fn, which may call Add, and returns when all that was added is
// committed, also when ctx ended or fn failed.
func (r *Recorder) During(ctx context.Context, fn func(context.Context) error) error {
	r.events = make(chan Event, maxBatch)
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

// Add hands over an outcome. It waits while many are on their way.
func (r *Recorder) Add(e Event) { r.events <- e }

// Drain returns when everything that was added before is committed, or ctx ends,
// which it does when committing fails.
func (r *Recorder) Drain(ctx context.Context) error {
	flushed := make(chan struct{})
	r.Add(Event{flushed: flushed})
	select {
	case <-flushed:
		return context.Cause(ctx)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// loop commits until events is closed. After an error, which it hands to stop, it
// only drains, so that nobody who adds is left waiting.
func (r *Recorder) loop(ctx context.Context, stop context.CancelCauseFunc) error {
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
func (r *Recorder) gather(first Event) []Event {
	batch := []Event{first}
	bytes := memoryOf(first)
	timer := time.NewTimer(gatherFor)
	defer timer.Stop()
	last := first
	for len(batch) < maxBatch && bytes < r.BatchBytes && last.flushed == nil {
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
func memoryOf(e Event) (n int64) {
	for _, g := range e.Grants {
		n += g.Bytes()
	}
	return n
}

func (r *Recorder) commit(ctx context.Context, batch []Event) error {
	if err := blob.Sync(ctx, r.Container); err != nil {
		return err
	}
	if err := r.record(ctx, batch); err != nil {
		return err
	}
	if r.Live {
		return nil
	}
	return r.Journal.Sync(ctx)
}

// record records blocks first: who uploads a node has added its blocks before.
func (r *Recorder) record(ctx context.Context, batch []Event) error {
	var blocks []state.BlockOutcome
	var uploads []state.Upload
	var failed []state.FailedUpload
	var puts []state.Put
	for _, e := range batch {
		switch {
		case e.Block != nil:
			blocks = append(blocks, *e.Block)
		case e.Upload != nil:
			uploads = append(uploads, *e.Upload)
		case e.Failed != nil:
			failed = append(failed, *e.Failed)
		case e.Put != nil:
			puts = append(puts, *e.Put)
		}
	}
	j := r.Journal
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
func (r *Recorder) release(batch []Event) {
	for _, e := range batch {
		memory.ReleaseAll(e.Grants)
		if e.flushed != nil {
			close(e.flushed)
		}
		if e.Landed != nil {
			e.Landed()
		}
	}
	r.Recorded.Ring()
}
