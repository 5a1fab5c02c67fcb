package engine

import (
	"cmp"
	"context"
	"iter"
	"slices"

	"clfsload/state"
)

// blockPlan says where the blocks of a regular file are, docs/design.md "The
// mount": block 0 is in the inode, block n is data segment n-1.
type blockPlan struct {
	node  *state.Node
	count uint64 // blocks of the file
	rows  blockRows
}

// blockRows are the rows of the blocks of a file, a page at a time. Going through a file in
// order reads each once.
type blockRows struct {
	list     func(from uint64, limit int) ([]state.Block, error)
	page     []state.Block
	from, to uint64 // the page has all rows of the blocks from..to-1; 0, 0: none was read
	err      error  // of a list; then nothing that was answered since counts
}

// rowsPage is how many rows are read at a time.
const rowsPage = 4096

// next returns the first row of a block from one on.
func (r *blockRows) next(block uint64) (b state.Block, found bool) {
	if r.to == 0 {
		r.read(0)
	}
	for r.err == nil {
		if block < r.from || block >= r.to {
			r.read(block)
		}
		i, _ := slices.BinarySearchFunc(r.page, block, func(b state.Block, block uint64) int { return cmp.Compare(b.Index, block) })
		if i < len(r.page) {
			return r.page[i], true
		}
		if r.to == endOfRows {
			break
		}
		block = r.to
	}
	return state.Block{}, false
}

// endOfRows is behind the last block that a file can have.
const endOfRows = 1 << 63

func (r *blockRows) read(block uint64) {
	r.page, r.err = r.list(block, rowsPage)
	r.from, r.to = block, endOfRows
	if len(r.page) == rowsPage {
		r.to = r.page[rowsPage-1].Index + 1
	}
}

// planOf returns the plan of a file as its row says it.
func (e *Engine) planOf(ctx context.Context, n *state.Node) blockPlan {
	p := blockPlan{node: n, count: state.Blocks(n.Attr.Size)}
	p.rows.to = endOfRows // it has none
	if n.MayHaveRows() {
		p.rows.to = 0
	}
	p.rows.list = func(from uint64, limit int) ([]state.Block, error) {
		return e.journal.BlocksFrom(ctx, n.Ino, from, limit)
	}
	return p
}

// row returns the row of a block, if it has one.
func (p *blockPlan) row(block uint64) (b state.Block, found bool) {
	b, found = p.rows.next(block)
	return b, found && b.Index == block
}

// uploaded returns the generation under which a block is in the container; ok is
// false when it is to be uploaded.
func (p *blockPlan) uploaded(block uint64) (generation uint64, ok bool) {
	if b, has := p.row(block); has {
		return b.Gen, b.State == state.BlockUploaded || b.State == state.BlockRemote
	}
	return p.node.Gen, block < p.node.SealedBlocks
}

// staged reports whether a block is in staging.
func (p *blockPlan) staged(block uint64) bool {
	if b, has := p.row(block); has {
		return b.State != state.BlockRemote
	}
	return block >= p.node.SealedBlocks || p.node.Flags&state.Evicted == 0
}

// dirty lists the data segments' blocks that are to be uploaded.
func (p *blockPlan) dirty() iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		for i := uint64(1); i < p.count; i++ {
			_, ok := p.uploaded(i)
			if p.rows.err != nil || !ok && !yield(i) {
				return
			}
		}
	}
}

// kept is how many bytes of the file, behind its first block, are in the container already.
func (p *blockPlan) kept() (bytes int64) {
	for i := uint64(1); i < p.count; i++ {
		if _, ok := p.uploaded(i); ok {
			offset, length := state.BlockRange(i)
			bytes += min(length, p.node.Attr.Size-offset)
		}
	}
	return bytes
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
