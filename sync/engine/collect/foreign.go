package collect

import (
	"context"
	"fmt"
	"slices"

	"clfsload/clfs"
	"clfsload/clfs/object"
	"clfsload/rescue"
	"clfsload/state"
	"clfsload/sync/blob"
	"clfsload/sync/engine/blobs"
	"clfsload/sync/tree"
)

// removeForeign deletes what another program has put. A map that is damaged may lead to what
// belongs to another inode: that is left alone.
func (c *Collector) removeForeign(ctx context.Context, f state.Foreign) error {
	live := func(n clfs.Name) bool { return n.Snapshot == clfs.LiveSnapshot }
	switch f.Kind {
	case state.ForeignTree:
		return c.removeTree(ctx, f, -1)
	case state.OldVersions:
		return c.removeBlobs(ctx, f.ID, func(n clfs.Name) bool { return live(n) && n.Version < f.Below })
	}
	return c.removeBlobs(ctx, f.ID, func(n clfs.Name) bool {
		return live(n) && n.OwnerHash == f.Owner.Hash() && (n.Type == clfs.TypeSegment || n.Type == clfs.TypeIndirect)
	})
}

// removeBlobs deletes the blobs of an object that are chosen.
func (c *Collector) removeBlobs(ctx context.Context, id clfs.ID, choose func(clfs.Name) bool) error {
	for info, err := range blob.All(ctx, c.Container, clfs.NamePrefix(id)) {
		if err != nil {
			return fmt.Errorf("look for object %s: %w", id, err)
		}
		n, err := clfs.ParseName(info.Name)
		if err != nil || n.ID != id || !choose(n) {
			continue
		}
		if err := c.Container.Delete(ctx, info.Name); err != nil {
			return err
		}
	}
	return nil
}

// removeTree deletes an indirect block after all that it leads to. So it can be called again
// after it was cut off. Where a block cannot be read, what it leads to stays: that is damage, and must
// keep no publication back. Depths grow on the way down, so it comes to an end. above is the
// depth of the block above; -1: there is none.
func (c *Collector) removeTree(ctx context.Context, f state.Foreign, above int) error {
	_, b, err := c.Tree.Indirect(ctx, f.ID)
	if tree.IsMissing(err) {
		return nil
	}
	if _, own := blobs.FailureOf(err); err != nil && !own {
		return fmt.Errorf("delete what indirect block %s leads to: %w", f.ID, err)
	}
	if err == nil && b.Depth > above && b.Owner == f.Owner {
		if err := c.removeBelow(ctx, b); err != nil {
			return err
		}
	}
	return c.removeForeign(ctx, state.Foreign{Kind: state.ForeignObject, ID: f.ID, Owner: f.Owner})
}

func (c *Collector) removeBelow(ctx context.Context, b object.IndirectBlock) error {
	return rescue.Each(ctx, c.Concurrency, slices.Values(b.Blocks), func(ctx context.Context, child clfs.ID) error {
		f := state.Foreign{Kind: state.ForeignObject, ID: child, Owner: b.Owner}
		switch {
		case child.IsNull():
			return nil
		case b.Depth < b.Tree:
			return c.removeTree(ctx, f, b.Depth)
		}
		return c.removeForeign(ctx, f)
	})
}

// removeBase deletes what the block map of a removed node leads to, if another program has made
// it, and lower versions of its inode. The inode itself goes last.
func (c *Collector) removeBase(ctx context.Context, n state.Node) error {
	if n.Flags&state.OlderVersions != 0 {
		if err := c.removeForeign(ctx, state.Foreign{Kind: state.OldVersions, ID: n.ID, Below: n.PutVersion, Owner: n.ID}); err != nil {
			return err
		}
	}
	if n.Flags&state.BaseMap == 0 {
		return nil
	}
	o, err := c.Store.BaseOf(ctx, n)
	if _, own := blobs.FailureOf(err); own {
		return nil // it is gone already, or nothing can be known of it
	}
	if err != nil {
		return err
	}
	for _, f := range blobs.MapOf(o) {
		if err := c.removeForeign(ctx, f); err != nil {
			return err
		}
	}
	return nil
}
