package engine

import (
	"context"
	"time"

	"clfsload/state"
	"clfsload/sync/engine/claim"
)

// job is a node that is to be uploaded, or one block of a file that is still open.
type job struct {
	node  state.Node
	seq   uint64 // the journal's Seq before the node was read
	block uint64
	early bool
}

const (
	// feedPage is how many nodes are read from the journal at a time.
	feedPage = 512
	// blockPage is how many blocks of open files are taken at a time: few, so that
	// nodes that wait have their turn.
	blockPage = 64
	// idle is how long those who wait for something that is queued sleep at most,
	// whatever they have missed.
	idle = time.Minute
)

// feeder hands queued nodes and blocks to the workers.
type feeder struct {
	engine *Engine
	work   chan<- job
	nodes  state.Ino      // all before were looked at
	blocks claim.BlockKey // likewise
}

func (f *feeder) run(ctx context.Context, ended <-chan struct{}) error {
	for {
		changed, recorded := f.engine.journal.Changed(), f.engine.recorded.Wait()
		over := isClosed(ended)
		last := over && f.engine.claims.None()
		sent, err := f.pass(ctx)
		f.engine.claims.EndReading()
		if err != nil {
			return err
		}
		if sent {
			continue
		}
		if last {
			return nil
		}
		wait := ended
		if over { // not asked anew: that it ended after last was decided must wake us
			wait = nil
		}
		select {
		case <-changed:
		case <-wait:
		case <-recorded:
		case <-time.After(f.engine.resting.Next(idle)):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// pass sends a page of each queue; when nothing is left behind the cursors, it
// looks from the beginning.
func (f *feeder) pass(ctx context.Context) (sent bool, err error) {
	sentNodes, err := f.again(ctx, f.sendNodes, func() bool { return f.nodes != 0 }, func() { f.nodes = 0 })
	if err != nil || !f.engine.options.Live { // no file is open
		return sentNodes, err
	}
	sentBlocks, err := f.again(ctx, f.sendBlocks, func() bool { return f.blocks != claim.BlockKey{} }, func() { f.blocks = claim.BlockKey{} })
	return sentNodes || sentBlocks, err
}

// again calls send until it has sent something, or has gone over the whole queue
// once. advanced tells whether the cursor is behind the beginning.
func (f *feeder) again(ctx context.Context, send func(context.Context) (sent, more bool, err error),
	advanced func() bool, rewind func()) (bool, error) {
	fromStart := !advanced()
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
func (f *feeder) sendNodes(ctx context.Context) (sent, more bool, err error) {
	e := f.engine
	e.claims.BeginReading()
	seq := e.journal.Seq()
	list := e.journal.QueuedFound
	if e.options.Live {
		list = e.journal.QueuedNodes
	}
	page, err := list(ctx, f.nodes, feedPage)
	if err != nil || len(page) == 0 {
		return false, false, err
	}
	// What a crash could take back must not be uploaded.
	if err := e.journal.Sync(ctx); err != nil {
		return false, false, err
	}
	for _, n := range page {
		f.nodes = n.Ino
		if e.resting.Is(n.Ino) || !e.claims.Upload(n.Ino) {
			continue
		}
		if err := f.send(ctx, job{node: n, seq: seq}); err != nil {
			return sent, false, err
		}
		sent = true
	}
	return sent, len(page) == feedPage, nil
}

// sendBlocks sends a page of blocks of files that are still open.
func (f *feeder) sendBlocks(ctx context.Context) (sent, more bool, err error) {
	e := f.engine
	e.claims.BeginReading()
	seq := e.journal.Seq()
	page, err := e.journal.QueuedBlocks(ctx, f.blocks.Ino, f.blocks.Block, blockPage)
	if err != nil || len(page) == 0 {
		return false, false, err
	}
	if err := e.journal.Sync(ctx); err != nil {
		return false, false, err
	}
	for _, w := range page {
		f.blocks = claim.BlockKey{Ino: w.Node.Ino, Block: w.Block}
		if e.resting.Is(w.Node.Ino) || !e.claims.Block(w.Node.Ino, w.Block) {
			continue
		}
		if err := f.send(ctx, job{node: w.Node, seq: seq, block: w.Block, early: true}); err != nil {
			return sent, false, err
		}
		sent = true
	}
	return sent, len(page) == blockPage, nil
}

func (f *feeder) send(ctx context.Context, j job) error {
	select {
	case f.work <- j:
		return nil
	case <-ctx.Done():
		f.engine.release(j.claim())
		return context.Cause(ctx)
	}
}

// claimed is what a job has claimed: all of a node, or a block.
type claimed struct {
	ino   state.Ino
	block uint64
	early bool
}

func (j *job) claim() claimed { return claimed{j.node.Ino, j.block, j.early} }

// release gives back a claim.
func (e *Engine) release(c claimed) {
	if c.early {
		e.claims.ReleaseBlock(c.ino, c.block)
	} else {
		e.claims.Release(c.ino)
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
