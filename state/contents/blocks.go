package contents

import (
	"context"
	"fmt"

	"clfsload/state/garbage"
	"clfsload/state/schema"
	"clfsload/state/store"
)

// Layout returns a file and those of its blocks that have a row as of one moment: the
// outcome of an upload that is recorded between two queries changes both. Errors:
// ErrNoEntry.
func (j Files) Layout(ctx context.Context, ino schema.Ino) (schema.Node, []schema.Block, error) {
	n, err := j.Node(ctx, ino)
	for err == nil && n.MayHaveBlocks() {
		var rows []schema.Block
		if rows, err = j.BlocksOf(ctx, ino); err != nil {
			break
		}
		var again schema.Node
		if again, err = j.Node(ctx, ino); err == nil && sameLayout(&n, &again) {
			return n, rows, nil
		}
		n = again
	}
	return n, nil, err
}

func sameLayout(a, b *schema.Node) bool {
	return a.Gen == b.Gen && a.Next == b.Next && a.SealedBlocks == b.SealedBlocks && a.Flags == b.Flags && a.Attr.Size == b.Attr.Size
}

// DirtyBlocks notes that blocks are about to be changed in staging, after
// BeginWrite. Those that were in the container alone are in staging again by
// then. Errors: ErrNoEntry.
func (j Files) DirtyBlocks(ctx context.Context, ino schema.Ino, blocks []uint64) error {
	_, err := j.Change(ctx, ino, "change blocks of", func(t *store.Tx, n *schema.Node) error {
		changed := false
		for _, index := range blocks {
			dirtied, err := DirtyBlock(t, n, index)
			if err != nil {
				return err
			}
			changed = changed || dirtied
		}
		if changed {
			Touch(t, n)
		}
		return nil
	})
	return err
}

// DirtyBlock notes that a block differs from what is in the container. A row of
// the state BlockDirty keeps the generation that the block had: that of Next says
// that an upload as Next may be under way still.
func DirtyBlock(t *store.Tx, n *schema.Node, index uint64) (changed bool, err error) {
	b, known, err := store.FindBlock(t, n.Ino, index)
	switch {
	case err != nil:
		return false, err
	case known && b.State == schema.BlockDirty, !known && index >= n.SealedBlocks:
		return false, nil
	case !known:
		b = schema.Block{Index: index, Gen: n.Gen, State: schema.BlockUploaded}
	}
	if b.IsUp() && b.Gen != n.Next && n.Flags&schema.BaseMap == 0 {
		if err := garbage.AddSegment(t, n, index, b.Gen, n.Next+1); err != nil {
			return false, err
		}
	}
	b.State = schema.BlockDirty
	return true, store.SetBlock(t, n.Ino, b)
}

// QueueBlock puts a block of an open file into the queue of those that are
// uploaded early: one that is whole and will hardly change any more. A block that
// was in the queue already and changed again stays with its file, whose upload
// takes it. Errors: ErrNoEntry.
func (j Files) QueueBlock(ctx context.Context, ino schema.Ino, block uint64) error {
	_, err := j.Change(ctx, ino, "queue a block of", func(t *store.Tx, n *schema.Node) error {
		b, known, err := store.FindBlock(t, ino, block)
		if err != nil || n.State == schema.Removed {
			return err
		}
		isNew := !known && block >= n.SealedBlocks || known && b.State == schema.BlockDirty && b.Gen != n.Next
		if !isNew {
			return nil
		}
		// The size in the row may be old while the file is open; but the block
		// in which it ends must not be one that is whole and uploaded.
		offset, length := schema.BlockRange(block)
		n.Attr.Size = max(n.Attr.Size, offset+length)
		t.Queued = true
		return store.SetBlock(t, ino, schema.Block{Index: block, Gen: n.Next, State: schema.BlockQueued})
	})
	return err
}

// IsBlockQueued reports whether a block is still in the queue of early uploads.
func (j Files) IsBlockQueued(ctx context.Context, ino schema.Ino, block uint64) (queued bool, err error) {
	err = j.Row(ctx, `SELECT EXISTS (SELECT 1 FROM block WHERE ino = ? AND idx = ? AND state = ?)`,
		ino, block, schema.BlockQueued).Scan(&queued)
	if err != nil {
		return false, fmt.Errorf("look for block %d of node %d: %w", block, ino, store.Classify(err))
	}
	return queued, nil
}
