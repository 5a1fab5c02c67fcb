package engine

import (
	"context"
	"sync"

	"clfsload/state"
)

// inFlight is the set of inodes that were taken and whose outcome is not
// committed yet. It is bounded by the workers and the recorder's queue.
type inFlight struct {
	mu      sync.Mutex
	set     map[state.Ino]struct{}
	landed  map[state.Ino]struct{} // those that left the set since mark
	settled chan struct{}          // has an element after outcomes were committed
}

func newInFlight() *inFlight {
	return &inFlight{set: map[state.Ino]struct{}{}, landed: map[state.Ino]struct{}{}, settled: make(chan struct{}, 1)}
}

// mark is to be called before rows are read from the journal: what lands after it
// may be in those rows as queued.
func (f *inFlight) mark() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.landed)
}

// add reports whether the inode was not in flight at any time since mark.
func (f *inFlight) add(ino state.Ino) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, flying := f.set[ino]
	_, landed := f.landed[ino]
	if flying || landed {
		return false
	}
	f.set[ino] = struct{}{}
	return true
}

func (f *inFlight) remove(ino state.Ino) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.set, ino)
	f.landed[ino] = struct{}{}
}

func (f *inFlight) empty() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.set) == 0
}

func (f *inFlight) announce() {
	select {
	case f.settled <- struct{}{}:
	default:
	}
}

// feedPage is how many rows are read from the journal at a time.
const feedPage = 512

// feeder hands queued inodes to the workers, in order of their numbers.
type feeder struct {
	engine *Engine
	flying *inFlight
	work   chan<- state.Inode
	cursor state.Ino
}

func newFeeder(e *Engine, work chan<- state.Inode) *feeder {
	return &feeder{engine: e, flying: e.recorder.inFlight, work: work}
}

func (f *feeder) run(ctx context.Context, produced <-chan struct{}) error {
	for {
		changed := f.engine.journal.Changed()
		ended := isClosed(produced)
		last := ended && f.flying.empty()
		sent, err := f.pass(ctx)
		if err != nil {
			return err
		}
		if sent {
			continue
		}
		if last {
			return nil
		}
		wait := produced
		if ended { // not asked anew: that it ended after last was decided must wake us
			wait = nil
		}
		select {
		case <-changed:
		case <-wait:
		case <-f.flying.settled:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// pass sends what is queued after the cursor; when that is nothing, it looks
// from the beginning, where inodes are queued that had to wait.
func (f *feeder) pass(ctx context.Context) (sent bool, err error) {
	if sent, err = f.sendPage(ctx); sent || err != nil {
		return sent, err
	}
	f.cursor = 0
	for {
		before := f.cursor
		if sent, err = f.sendPage(ctx); sent || err != nil || f.cursor == before {
			return sent, err
		}
	}
}

func (f *feeder) sendPage(ctx context.Context) (sent bool, err error) {
	f.flying.mark()
	rows, err := f.engine.journal.Queued(ctx, f.cursor, feedPage)
	if err != nil {
		return false, err
	}
	for _, in := range rows {
		f.cursor = in.Ino
		if !f.flying.add(in.Ino) {
			continue
		}
		select {
		case f.work <- in:
			sent = true
		case <-ctx.Done():
			return sent, context.Cause(ctx)
		}
	}
	return sent, nil
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
