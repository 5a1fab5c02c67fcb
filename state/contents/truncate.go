package contents

import (
	"context"

	"clfsload/state/garbage"
	"clfsload/state/schema"
	"clfsload/state/store"
)

var dirtyBlocksStmt = store.NewStatement(`UPDATE block SET state = {block dirty} WHERE ino = ?`)

// Truncate sets the size of a regular file, after BeginWrite. What lies behind the
// new end is not needed any more; the block in which it lies, and the one in which
// the old end lay, are dirty then. Errors: ErrNoEntry.
func (j Files) Truncate(ctx context.Context, ino schema.Ino, size, now int64) (schema.Node, error) {
	return j.Change(ctx, ino, "truncate", func(t *store.Tx, n *schema.Node) error {
		Touch(t, n)
		n.Attr.Mtime, n.Attr.Ctime = now, max(n.Attr.Ctime, now)
		return Resize(t, n, size)
	})
}

func Resize(t *store.Tx, n *schema.Node, size int64) error {
	if err := dropBlocks(t, n, schema.Blocks(size)); err != nil {
		return err
	}
	old := n.Attr.Size
	if size == old {
		return nil
	}
	n.Attr.Size = size
	for _, end := range []int64{old, size} {
		if last := schema.Blocks(end) - 1; end <= size && IsPartial(last, end) {
			if _, err := DirtyBlock(t, n, last); err != nil {
				return err
			}
		}
	}
	return nil
}

// IsPartial reports whether a file of size bytes ends within its last block.
func IsPartial(last uint64, size int64) bool {
	offset, length := schema.BlockRange(last)
	return size != offset+length
}

// dropBlocks forgets the blocks from the first one on. Of those that may be on
// their way up as Next a dirty row stays, which keeps them out of the queue of
// early uploads: a late answer must not be taken for one about what comes there
// next.
func dropBlocks(t *store.Tx, n *schema.Node, first uint64) error {
	rows, err := store.BlocksFrom(t, n.Ino, first)
	if err != nil {
		return err
	}
	if err := store.DropBlockRows(t, n.Ino, first, schema.NoBlockState); err != nil {
		return err
	}
	for _, b := range rows {
		if err := dropBlock(t, n, b); err != nil {
			return err
		}
	}
	for from, to := range schema.Gaps(rows, first, n.DerivedBlocks()) {
		if err := garbage.AddSegments(t, n, from, to, n.Gen, n.Next+1); err != nil {
			return err
		}
	}
	n.SealedBlocks = min(n.SealedBlocks, first)
	return nil
}

func dropBlock(t *store.Tx, n *schema.Node, b schema.Block) error {
	switch {
	case b.Gen == n.Next:
		return store.SetBlock(t, n.Ino, schema.Block{Index: b.Index, Gen: n.Next, State: schema.BlockDirty})
	case b.IsUp():
		return garbage.AddSegment(t, n, b.Index, b.Gen, n.Next+1)
	}
	return nil
}

// DirtyAll notes that no block of a file is in the container as it is now. What is on its way up
// as Next keeps its row, so that a late answer does not count.
func DirtyAll(t *store.Tx, n *schema.Node) error {
	if n.SealedBlocks > 0 {
		return dropBlocks(t, n, 0)
	}
	_, err := dirtyBlocksStmt.Exec(t, n.Ino) // all are of the generation Next
	return err
}
