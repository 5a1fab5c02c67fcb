package engine

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"

	"clfsload/clfs"
	"clfsload/state"
)

// blockPlan says where the blocks of a regular file are, docs/design.md "The
// mount": block 0 is in the inode, block n is data segment n-1.
type blockPlan struct {
	node  state.Node
	count uint64        // blocks of the file
	rows  []state.Block // by index
}

func newBlockPlan(n state.Node, rows []state.Block) blockPlan {
	return blockPlan{node: n, count: state.Blocks(n.Attr.Size), rows: rows}
}

// row returns the row of a block, if it has one.
func (p *blockPlan) row(block uint64) (b state.Block, found bool) {
	i, found := slices.BinarySearchFunc(p.rows, block, func(b state.Block, block uint64) int { return cmp.Compare(b.Index, block) })
	if found {
		b = p.rows[i]
	}
	return b, found
}

// uploaded returns the generation under which a block is in the container; ok is
// false when it is to be uploaded.
func (p *blockPlan) uploaded(block uint64) (generation uint64, ok bool) {
	if b, has := p.row(block); has {
		return b.Gen, b.State == state.BlockUploaded || b.State == state.BlockRemote
	}
	return p.node.Gen, block < p.node.Sealed
}

// staged reports whether a block is in staging.
func (p *blockPlan) staged(block uint64) bool {
	if b, has := p.row(block); has {
		return b.State != state.BlockRemote
	}
	return block >= p.node.Sealed || p.node.Flags&state.Evicted == 0
}

// dirty lists the data segments' blocks that are to be uploaded.
func (p *blockPlan) dirty() iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		for i := uint64(1); i < p.count; i++ {
			if _, ok := p.uploaded(i); !ok && !yield(i) {
				return
			}
		}
	}
}

// few returns the first dirty blocks, two at most.
func (p *blockPlan) few() (list []uint64) {
	for block := range p.dirty() {
		if list = append(list, block); len(list) == 2 {
			break
		}
	}
	return list
}

// reserve sees to it that the journal knows, before a block is put, that it may be in
// the container. Of a file that is large it reserves twice as many each time: so a file
// that is cut or removed has left about as much as was uploaded of it.
func (w *nodeWorker) reserve(ctx context.Context, p *blockPlan, block uint64) error {
	if block < p.node.Peak {
		return nil
	}
	peak := min(2*block+1, p.count)
	ok, err := w.journal.ReserveBlocks(ctx, p.node, peak)
	if err == nil && !ok {
		err = errStale
	}
	p.node.Peak = peak
	return err
}

// file uploads what has changed of a regular file. Blocks that are in the container
// stay as they are; others are put under the node's next generation.
func (w *nodeWorker) file(ctx context.Context, path pathOf, j job) error {
	n := j.node
	rows, err := w.journal.BlocksOf(ctx, n.Ino)
	if err != nil {
		return err
	}
	plan := newBlockPlan(n, rows)
	head, grants, err := w.putContents(ctx, &plan)
	if err != nil {
		return err
	}
	o, err := w.putNodeMap(ctx, &plan)
	if err != nil {
		releaseAll(grants)
		return err
	}
	o.Data = head
	return w.seal(ctx, path, j, o, grants)
}

// putContents uploads the blocks that are dirty and returns the first bytes of the
// file. A grant that comes back has room for the inode.
func (w *nodeWorker) putContents(ctx context.Context, p *blockPlan) (head []byte, grants []*grant, err error) {
	n, dirty := p.node, p.few()
	head = w.head[:min(n.Attr.Size, clfs.FirstSegmentBytes)]
	if len(head) == 0 {
		return head, nil, nil
	}
	if len(dirty) == 0 && !p.staged(0) {
		head, err = w.wholeHead(ctx, n)
		return head, nil, err
	}
	f, err := w.nodes.OpenStaged(n.Ino)
	if err != nil {
		return nil, nil, entryProblem("open", err)
	}
	defer f.Close()
	if p.staged(0) {
		err = w.readFull(f, head, 0)
	} else {
		head, err = w.wholeHead(ctx, n)
	}
	if err != nil {
		return nil, nil, err
	}
	c := w.nodeContents(f, n)
	if len(dirty) == 1 {
		if err := w.reserve(ctx, p, dirty[0]); err != nil {
			return nil, nil, err
		}
		var e event
		err := w.putOnlySegment(ctx, c, dirty[0]-1, &e)
		return head, e.grants, err
	}
	return head, nil, w.putBlocks(ctx, c, p)
}

// wholeHead returns the first bytes of a file whose block 0 is not in staging.
func (w *nodeWorker) wholeHead(ctx context.Context, n state.Node) ([]byte, error) {
	head, err := w.Head(ctx, n)
	if want := min(n.Attr.Size, clfs.FirstSegmentBytes); err == nil && int64(len(head)) != want {
		err = fmt.Errorf("%s: %w: it has %d bytes of contents, not %d", n.PutName(), errDamaged, len(head), want)
	}
	return head, err
}

// putBlocks uploads blocks. Each is recorded by itself, so that a run that comes
// after goes on with those that are missing.
func (w *nodeWorker) putBlocks(ctx context.Context, c contents, p *blockPlan) error {
	n := p.node
	var reserving error
	segments := func(yield func(uint64) bool) {
		for block := range p.dirty() {
			if reserving = w.reserve(ctx, p, block); reserving != nil || !yield(block-1) {
				return
			}
		}
	}
	err := w.putInParallel(ctx, c, segments, func(index uint64, g *grant) {
		w.addBlock(n, index+1, false, g, nil)
	})
	return cmp.Or(err, reserving)
}

// putNodeMap uploads the indirect blocks of a file whose segments are uploaded.
func (w *nodeWorker) putNodeMap(ctx context.Context, p *blockPlan) (clfs.Inode, error) {
	n := p.node
	own := n.Next
	if n.Flags&state.Content == 0 && own > 0 {
		own-- // they belong to the last seal
	}
	if own == n.Next && p.count > clfs.MaxDirect {
		if err := w.reserve(ctx, p, p.count-1); err != nil {
			return clfs.Inode{}, err
		}
	}
	if n.Flags&state.BaseMap != 0 {
		return w.editMap(ctx, p)
	}
	var o clfs.Inode
	if n.Flags&state.Adopted != 0 {
		base, err := w.baseOf(ctx, n)
		if err != nil {
			return o, err
		}
		o = *base
	}
	b := w.newMapBuilder(ctx, n.ID, own, ctimeSeconds(n.Attr))
	for i := uint64(1); i < p.count; i++ {
		generation, ok := p.uploaded(i)
		if !ok {
			generation = n.Next
		}
		if err := b.Add(clfs.SegmentID(w.journal.Settings.Key, n.ID, generation, i-1)); err != nil {
			return clfs.Inode{}, err
		}
	}
	var err error
	o.Direct, o.Roots, err = b.Finish()
	return o, err
}
