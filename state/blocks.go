package state

import (
	"context"
	"fmt"
	"iter"

	"clfsload/clfs"
)

var (
	blockStmt      = newStatement(`SELECT idx, gen, state FROM block WHERE ino = ? AND idx = ?`)
	blocksFromStmt = newStatement(`SELECT idx, gen, state FROM block WHERE ino = ? AND idx >= ? ORDER BY idx`)
	blocksPageStmt = newStatement(blocksPageQuery)
	setBlockStmt   = newRedoable(opSetBlock, 4, `INSERT OR REPLACE INTO block (ino, idx, gen, state) VALUES (?, ?, ?, ?)`)
)

// BlockState is where the bytes of a block are.
type BlockState int

const (
	BlockDirty    BlockState = iota // in staging alone
	BlockQueued                     // in staging, whole, to be uploaded although the file is open
	BlockUploaded                   // in the container, and in staging
	BlockRemote                     // in the container alone
)

// noBlockState is none of them.
const noBlockState BlockState = -1

// Block is a block of a file of which the node alone does not say all. Block 0 is
// the head, which is in the inode's blob; block n is data segment n-1.
type Block struct {
	Index uint64
	Gen   uint64 // generation that it was uploaded as
	State BlockState
}

// Blocks is how many blocks a file of size bytes has: at least 1.
func Blocks(size int64) uint64 { return 1 + clfs.SegmentCount(uint64(size)) }

// BlockRange is where a block lies in its file, in bytes, and how long it is when
// the file goes on behind it.
func BlockRange(index uint64) (offset, length int64) {
	if index == 0 {
		return 0, clfs.FirstSegmentBytes
	}
	return clfs.FirstSegmentBytes + int64(index-1)*clfs.SegmentBytes, clfs.SegmentBytes
}

// BlocksOf returns the blocks of a file that have a row, by index. There may be
// dirty ones past its end, which mean nothing.
func (j *Journal) BlocksOf(ctx context.Context, ino Ino) (list []Block, err error) {
	done, err := j.ahead(ctx, func(t *tx) (err error) {
		list, err = blocksFrom(t, ino, 0)
		return err
	})
	if !done {
		list, err = queryAll(context.WithoutCancel(ctx), j.read, scanBlock, blocksQuery, ino)
	}
	if err != nil {
		return nil, fmt.Errorf("list blocks of node %d: %w", ino, classify(err))
	}
	return list, nil
}

// BlocksFrom returns up to limit blocks of a file that have a row, by index, all from the block
// first on.
func (j *Journal) BlocksFrom(ctx context.Context, ino Ino, first uint64, limit int) (list []Block, err error) {
	done, err := j.ahead(ctx, func(t *tx) (err error) {
		rows, err := blocksPageStmt.Query(t, ino, first, limit)
		list, err = scanAll(rows, err, scanBlock)
		return err
	})
	if !done {
		list, err = queryAll(context.WithoutCancel(ctx), j.read, scanBlock, blocksPageQuery, ino, first, limit)
	}
	if err != nil {
		return nil, fmt.Errorf("list blocks of node %d: %w", ino, classify(err))
	}
	return list, nil
}

// Layout returns a file and those of its blocks that have a row as of one moment: the
// outcome of an upload that is recorded between two queries changes both. Errors:
// ErrNoEntry.
func (j *Journal) Layout(ctx context.Context, ino Ino) (Node, []Block, error) {
	n, err := j.Node(ctx, ino)
	for err == nil && n.MayHaveBlocks() {
		var rows []Block
		if rows, err = j.BlocksOf(ctx, ino); err != nil {
			break
		}
		var again Node
		if again, err = j.Node(ctx, ino); err == nil && sameLayout(&n, &again) {
			return n, rows, nil
		}
		n = again
	}
	return n, nil, err
}

// MayHaveBlocks reports whether the rows of a file's blocks may say anything that its
// own does not: a head in which the file ends is where the flag Evicted says.
func (n *Node) MayHaveBlocks() bool {
	return n.Attr.Size >= clfs.FirstSegmentBytes || n.Flags&(Evicted|Opened) != 0
}

func sameLayout(a, b *Node) bool {
	return a.Gen == b.Gen && a.Next == b.Next && a.Sealed == b.Sealed && a.Flags == b.Flags && a.Attr.Size == b.Attr.Size
}

func scanBlock(row scanner) (b Block, err error) {
	err = row.Scan(&b.Index, &b.Gen, &b.State)
	return b, err
}

// derivedBlocks is how many blocks without a row have names that follow from Gen.
func (n *Node) derivedBlocks() uint64 {
	if n.Flags&BaseMap != 0 {
		return 0
	}
	return n.Sealed
}

// gaps lists the ranges from..to-1 of blocks that have no row, given the rows in order.
func gaps(rows []Block, from, to uint64) iter.Seq2[uint64, uint64] {
	return func(yield func(from, to uint64) bool) {
		for _, b := range rows {
			if b.Index >= to {
				break
			}
			if b.Index > from && !yield(from, b.Index) {
				return
			}
			from = max(from, b.Index+1)
		}
		if from < to {
			yield(from, to)
		}
	}
}

// isUp reports whether the block is in the container as its generation says.
func (b *Block) isUp() bool { return b.State == BlockUploaded || b.State == BlockRemote }

// findBlock returns the row of a block, if it has one.
func findBlock(t *tx, ino Ino, index uint64) (b Block, known bool, err error) {
	b, err = scanBlock(blockStmt.QueryRow(t, ino, index))
	if noRows(err) {
		return Block{Index: index}, false, nil
	}
	return b, err == nil, err
}

func blocksFrom(t *tx, ino Ino, first uint64) ([]Block, error) {
	rows, err := blocksFromStmt.Query(t, ino, first)
	return scanAll(rows, err, scanBlock)
}

func setBlock(t *tx, ino Ino, b Block) error {
	_, err := setBlockStmt.Exec(t, ino, b.Index, b.Gen, b.State)
	return err
}

// DirtyBlocks notes that blocks are about to be changed in staging, after
// BeginWrite. Those that were in the container alone are in staging again by
// then. Errors: ErrNoEntry.
func (j *Journal) DirtyBlocks(ctx context.Context, ino Ino, blocks []uint64) error {
	_, err := j.change(ctx, ino, "change blocks of", func(t *tx, n *Node) error {
		changed := false
		for _, index := range blocks {
			dirtied, err := dirtyBlock(t, n, index)
			if err != nil {
				return err
			}
			changed = changed || dirtied
		}
		if changed {
			touchContents(t, n)
		}
		return nil
	})
	return err
}

// dirtyBlock notes that a block differs from what is in the container. A row of
// the state BlockDirty keeps the generation that the block had: that of Next says
// that an upload as Next may be under way still.
func dirtyBlock(t *tx, n *Node, index uint64) (changed bool, err error) {
	b, known, err := findBlock(t, n.Ino, index)
	switch {
	case err != nil:
		return false, err
	case known && b.State == BlockDirty, !known && index >= n.Sealed:
		return false, nil
	case !known:
		b = Block{Index: index, Gen: n.Gen, State: BlockUploaded}
	}
	if b.isUp() && b.Gen != n.Next && n.Flags&BaseMap == 0 {
		if err := discardSegment(t, n, index, b.Gen, n.Next+1); err != nil {
			return false, err
		}
	}
	b.State = BlockDirty
	return true, setBlock(t, n.Ino, b)
}

// QueueBlock puts a block of an open file into the queue of those that are
// uploaded early: one that is whole and will hardly change any more. A block that
// was in the queue already and changed again stays with its file, whose upload
// takes it. Errors: ErrNoEntry.
func (j *Journal) QueueBlock(ctx context.Context, ino Ino, block uint64) error {
	_, err := j.change(ctx, ino, "queue a block of", func(t *tx, n *Node) error {
		b, known, err := findBlock(t, ino, block)
		if err != nil || n.State == Removed {
			return err
		}
		isNew := !known && block >= n.Sealed || known && b.State == BlockDirty && b.Gen != n.Next
		if !isNew {
			return nil
		}
		// The size in the row may be old while the file is open; but the block
		// in which it ends must not be one that is whole and uploaded.
		offset, length := BlockRange(block)
		n.Attr.Size = max(n.Attr.Size, offset+length)
		t.queued = true
		return setBlock(t, ino, Block{Index: block, Gen: n.Next, State: BlockQueued})
	})
	return err
}

// IsBlockQueued reports whether a block is still in the queue of early uploads.
func (j *Journal) IsBlockQueued(ctx context.Context, ino Ino, block uint64) (queued bool, err error) {
	err = j.row(ctx, `SELECT EXISTS (SELECT 1 FROM block WHERE ino = ? AND idx = ? AND state = ?)`,
		ino, block, BlockQueued).Scan(&queued)
	if err != nil {
		return false, fmt.Errorf("look for block %d of node %d: %w", block, ino, classify(err))
	}
	return queued, nil
}
