package engine

import (
	"context"
	"errors"
	"io"
	"time"

	"clfsload/rescue"
	"clfsload/state"
)

// NodeSource opens what the files of a mount have in staging.
type NodeSource interface {
	OpenStaged(ino state.Ino) (StagedFile, error)
}

// StagedFile is the content of a file: all of it, but for blocks that are in the
// container and were evicted. It may be written to while it is read.
type StagedFile interface {
	io.ReaderAt
	Close() error
}

// job is a node that is to be uploaded, or one block of a file that is still open.
type job struct {
	node  state.Node
	block uint64
	early bool
}

// RunMount uploads what is queued in the journal of a mount until ctx ends, whose
// cause it then returns. An entry that cannot be read is a failure in the journal,
// and is tried again later. Any other error, such as one of the container, means
// that it could not go on; it may be called again.
func (e *Engine) RunMount(ctx context.Context, src NodeSource) error {
	err := e.recorder.during(ctx, func(ctx context.Context) error {
		g, ctx := rescue.WithContext(ctx)
		work := make(chan job)
		f := &nodeFeeder{engine: e, work: work}
		g.Go(func() error {
			defer close(work)
			return f.run(ctx)
		})
		for i := range e.options.Concurrency {
			w := &nodeWorker{worker: newWorker(e, &e.flights[i]), nodes: src}
			g.Go(func() error { return w.run(ctx, work) })
		}
		return g.Wait()
	})
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return context.Cause(ctx)
	}
	return err
}

const (
	// blockPage is how many blocks of open files are taken at a time: few, so that
	// nodes that wait have their turn.
	blockPage = 64
	// idle is how long those who wait for something that is queued sleep at most,
	// whatever they have missed.
	idle = time.Minute
)

// nodeFeeder hands queued nodes and blocks to the workers.
type nodeFeeder struct {
	engine *Engine
	work   chan<- job
	nodes  state.Ino // all before were looked at
	blocks blockKey  // likewise
}

func (f *nodeFeeder) run(ctx context.Context) error {
	for {
		changed, recorded := f.engine.journal.Changed(), f.engine.recorded.wait()
		sent, err := f.pass(ctx)
		f.engine.claims.rest()
		if err != nil {
			return err
		}
		if sent {
			continue
		}
		select {
		case <-changed:
		case <-recorded:
		case <-time.After(f.engine.resting.next(idle)):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// pass sends a page of each queue; when nothing is left behind the cursors, it
// looks from the beginning.
func (f *nodeFeeder) pass(ctx context.Context) (sent bool, err error) {
	sentNodes, err := f.again(ctx, f.sendNodes, func() bool { return f.nodes != 0 }, func() { f.nodes = 0 })
	if err != nil {
		return false, err
	}
	sentBlocks, err := f.again(ctx, f.sendBlocks, func() bool { return f.blocks != blockKey{} }, func() { f.blocks = blockKey{} })
	return sentNodes || sentBlocks, err
}

// again calls send until it has sent something, or has gone over the whole queue
// once. moved tells whether the cursor is behind the beginning.
func (f *nodeFeeder) again(ctx context.Context, send func(context.Context) (sent, more bool, err error),
	moved func() bool, rewind func()) (bool, error) {
	fromStart := !moved()
	for {
		sent, more, err := send(ctx)
		if sent || err != nil {
			return sent, err
		}
		if more {
			continue
		}
		rewind()
		if fromStart {
			return false, nil
		}
		fromStart = true
	}
}

// sendNodes sends a page of nodes. more tells whether some may follow.
func (f *nodeFeeder) sendNodes(ctx context.Context) (sent, more bool, err error) {
	e := f.engine
	e.claims.mark()
	page, err := e.journal.QueuedNodes(ctx, f.nodes, feedPage)
	if err != nil || len(page) == 0 {
		return false, false, err
	}
	// What a crash could take back must not be uploaded.
	if err := e.journal.Sync(ctx); err != nil {
		return false, false, err
	}
	for _, n := range page {
		f.nodes = n.Ino
		if e.resting.is(n.Ino) || !e.claims.upload(n.Ino) {
			continue
		}
		if err := f.send(ctx, job{node: n}); err != nil {
			return sent, false, err
		}
		sent = true
	}
	return sent, len(page) == feedPage, nil
}

// sendBlocks sends a page of blocks of files that are still open.
func (f *nodeFeeder) sendBlocks(ctx context.Context) (sent, more bool, err error) {
	e := f.engine
	e.claims.mark()
	page, err := e.journal.QueuedBlocks(ctx, f.blocks.ino, f.blocks.block, blockPage)
	if err != nil || len(page) == 0 {
		return false, false, err
	}
	if err := e.journal.Sync(ctx); err != nil {
		return false, false, err
	}
	for _, w := range page {
		f.blocks = blockKey{w.Node.Ino, w.Block}
		if e.resting.is(w.Node.Ino) || !e.claims.block(w.Node.Ino, w.Block) {
			continue
		}
		if err := f.send(ctx, job{node: w.Node, block: w.Block, early: true}); err != nil {
			return sent, false, err
		}
		sent = true
	}
	return sent, len(page) == blockPage, nil
}

func (f *nodeFeeder) send(ctx context.Context, j job) error {
	select {
	case f.work <- j:
		return nil
	case <-ctx.Done():
		f.engine.releaseJob(j)
		return context.Cause(ctx)
	}
}

// releaseJob gives back the claim of a job.
func (e *Engine) releaseJob(j job) {
	if j.early {
		e.claims.releaseBlock(j.node.Ino, j.block)
	} else {
		e.claims.release(j.node.Ino)
	}
}
