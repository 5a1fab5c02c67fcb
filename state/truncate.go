package state

import "context"

var dirtyBlocksStmt = newStatement(`UPDATE block SET state = {block dirty} WHERE ino = ?`)

// Truncate sets the size of a regular file, after BeginWrite. What lies behind the
// new end is not needed any more; the block in which it lies, and the one in which
// the old end lay, are dirty then. Errors: ErrNoEntry.
func (j Files) Truncate(ctx context.Context, ino Ino, size, now int64) (Node, error) {
	return j.change(ctx, ino, "truncate", func(t *tx, n *Node) error {
		touchContents(t, n)
		n.Attr.Mtime, n.Attr.Ctime = now, max(n.Attr.Ctime, now)
		return resize(t, n, size)
	})
}

func resize(t *tx, n *Node, size int64) error {
	if err := dropBlocks(t, n, Blocks(size)); err != nil {
		return err
	}
	old := n.Attr.Size
	if size == old {
		return nil
	}
	n.Attr.Size = size
	for _, end := range []int64{old, size} {
		if last := Blocks(end) - 1; end <= size && isPartial(last, end) {
			if _, err := dirtyBlock(t, n, last); err != nil {
				return err
			}
		}
	}
	return nil
}

// isPartial reports whether a file of size bytes ends within its last block.
func isPartial(last uint64, size int64) bool {
	offset, length := BlockRange(last)
	return size != offset+length
}

// dropBlocks forgets the blocks from the first one on. Of those that may be on
// their way up as Next a dirty row stays, which keeps them out of the queue of
// early uploads: a late answer must not be taken for one about what comes there
// next.
func dropBlocks(t *tx, n *Node, first uint64) error {
	rows, err := blocksFrom(t, n.Ino, first)
	if err != nil {
		return err
	}
	if err := dropBlockRows(t, n.Ino, first, noBlockState); err != nil {
		return err
	}
	for _, b := range rows {
		if err := dropBlock(t, n, b); err != nil {
			return err
		}
	}
	for from, to := range gaps(rows, first, n.derivedBlocks()) {
		if err := discardSegments(t, n, from, to, n.Gen, n.Next+1); err != nil {
			return err
		}
	}
	n.Sealed = min(n.Sealed, first)
	return nil
}

func dropBlock(t *tx, n *Node, b Block) error {
	switch {
	case b.Gen == n.Next:
		return setBlock(t, n.Ino, Block{Index: b.Index, Gen: n.Next, State: BlockDirty})
	case b.isUp():
		return discardSegment(t, n, b.Index, b.Gen, n.Next+1)
	}
	return nil
}

// dirtyAll notes that no block of a file is in the container as it is now. What is on its way up
// as Next keeps its row, so that a late answer does not count.
func dirtyAll(t *tx, n *Node) error {
	if n.Sealed > 0 {
		return dropBlocks(t, n, 0)
	}
	_, err := dirtyBlocksStmt.Exec(t, n.Ino) // all are of the generation Next
	return err
}
