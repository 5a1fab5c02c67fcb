package engine

import (
	"context"
	"fmt"

	"clfsload/clfs"
	"clfsload/state"
)

// putBlockMap uploads the indirect blocks of a file whose segments are uploaded.
func (w *worker) putBlockMap(ctx context.Context, in state.Inode, attr state.Attr, count uint64) (blockMap, error) {
	b := w.newMapBuilder(ctx, in.ID, 0, ctimeSeconds(attr))
	for i := range count {
		if err := b.Add(clfs.SegmentID(w.journal.Settings.Key, in.ID, 0, i)); err != nil {
			return blockMap{}, err
		}
	}
	direct, roots, err := b.Finish()
	return blockMap{direct, roots}, err
}

// newMapBuilder returns a builder that uploads indirect blocks of a generation as
// they fill.
func (e *Engine) newMapBuilder(ctx context.Context, owner clfs.ID, generation uint64, ctime uint32) *clfs.MapBuilder {
	key := e.journal.Settings.Key
	newID := func(tree, depth int, index uint64) clfs.ID {
		return clfs.IndirectID(key, owner, generation, tree, depth, index)
	}
	return clfs.NewMapBuilder(owner, newID, e.putIndirect(ctx, owner, ctime))
}

// putIndirect returns what uploads indirect blocks of an inode.
func (e *Engine) putIndirect(ctx context.Context, owner clfs.ID, ctime uint32) func(clfs.ID, clfs.IndirectBlock) error {
	return func(id clfs.ID, b clfs.IndirectBlock) error {
		b.Ctime = ctime
		packed := clfs.Pack(nil, b.Append(nil), e.journal.Settings.Compression)
		if err := e.put(ctx, clfs.ObjectName(id, owner, clfs.TypeIndirect, clfs.FirstVersion), packed); err != nil {
			return fmt.Errorf("put indirect block of tree %d: %w", b.Tree, err)
		}
		return nil
	}
}

// removeBlocks deletes the blocks that a file could have left when it was as long
// as the journal says, but those that it has now: keep segments and the indirect
// blocks for them.
func (e *Engine) removeBlocks(ctx context.Context, in state.Inode, keep uint64) error {
	return e.removeSegments(ctx, in.ID, clfs.SegmentCount(uint64(in.Attr.Size)), keep)
}

// removeSegments deletes segments, and the indirect blocks for them, of an inode of a
// load: those behind keep, where there may be so many as before.
func (e *Engine) removeSegments(ctx context.Context, owner clfs.ID, before, keep uint64) error {
	if before <= keep {
		return nil
	}
	for i := keep; i < before; i++ {
		if err := e.removeSegment(ctx, owner, 0, i); err != nil {
			return err
		}
	}
	return e.removeIndirect(ctx, owner, 0, before, keep)
}

func (e *Engine) removeSegment(ctx context.Context, owner clfs.ID, generation, index uint64) error {
	return e.remove(ctx, clfs.SegmentID(e.journal.Settings.Key, owner, generation, index), owner, clfs.TypeSegment)
}

// removeIndirect deletes the indirect blocks of a generation that before segments
// need, but those that keep segments need.
func (e *Engine) removeIndirect(ctx context.Context, owner clfs.ID, generation, before, keep uint64) error {
	had, has := clfs.IndirectCount(before), clfs.IndirectCount(keep)
	for tree := range had {
		for depth := range had[tree] {
			for i := has[tree][depth]; i < had[tree][depth]; i++ {
				id := clfs.IndirectID(e.journal.Settings.Key, owner, generation, tree, depth, i)
				if err := e.remove(ctx, id, owner, clfs.TypeIndirect); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
