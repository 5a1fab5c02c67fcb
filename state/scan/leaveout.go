package scan

import (
	"context"
	"fmt"

	"clfsload/clfs"
	"clfsload/state/garbage"
	"clfsload/state/namespace"
	"clfsload/state/schema"
	"clfsload/state/store"
)

// LeaveOut makes ready for a publication without what failed: the blobs that it may have in the
// container become garbage, and directories that could be listed in part are published so. All
// stay failures.
func (j Recorder) LeaveOut(ctx context.Context) error {
	err := store.ChangePages(ctx, j.Store, store.Durable, func(last schema.Node) ([]schema.Node, error) {
		return j.Nodes(ctx, `SELECT `+schema.NodeColumnsOf+` FROM failure f CROSS JOIN inode i ON i.ino = f.ino
			WHERE f.ino > ? AND i.state = {failed} ORDER BY f.ino LIMIT ?`, last.Ino, failurePage)
	}, leaveOut)
	if err != nil {
		return fmt.Errorf("leave out failed entries: %w", err)
	}
	return nil
}

func leaveOut(t *store.Tx, n *schema.Node) error {
	before := *n
	if n.IsDirectory() {
		empty, err := namespace.IsEmpty(t, n.Ino)
		if err != nil {
			return err
		}
		if !empty {
			n.State = schema.Held
			return t.Save(&before, n)
		}
	}
	if err := discard(t, n); err != nil {
		return err
	}
	return t.Save(&before, n)
}

// discard makes garbage of all that a node may have in the container, and has the directories put
// again that may list it. What is put for it later has other names.
func discard(t *store.Tx, n *schema.Node) error {
	if n.PutPub != 0 {
		if err := reopenDirectories(t, n); err != nil {
			return err
		}
	}
	if err := garbage.Abandon(t, n); err != nil {
		return err
	}
	if n.PutVersion != 0 {
		if err := garbage.DiscardVersion(t, n); err != nil {
			return err
		}
	}
	var rows []schema.Block
	if n.SealedBlocks > 0 { // otherwise all are below the peak
		var err error
		if rows, err = store.BlocksFrom(t, n.Ino, 0); err != nil {
			return err
		}
	}
	for _, b := range rows {
		if n.MayBeUp(&b) {
			if err := garbage.AddSegment(t, n, b.Index, b.Gen, garbage.AtOnce); err != nil {
				return err
			}
		}
	}
	if err := store.DropBlockRows(t, n.Ino, 0, schema.NoBlockState); err != nil {
		return err
	}
	standing, gen := n.Derived()
	for from, to := range schema.Gaps(rows, 1, standing) {
		if err := garbage.AddSegments(t, n, from, to, gen, garbage.AtOnce); err != nil {
			return err
		}
	}
	if err := garbage.AddSegments(t, n, 1, n.Reserved, n.Next, garbage.AtOnce); err != nil {
		return err
	}
	for _, m := range []struct{ gen, blocks uint64 }{{n.SealGen(), n.MappedBlocks}, {n.Next, n.Reserved}} {
		if err := garbage.AddIndirect(t, n, m.gen, m.blocks, garbage.NothingKept, garbage.AtOnce); err != nil {
			return err
		}
	}
	n.Seq = t.NextSeq()
	n.Next++
	n.PutVersion, n.PutPub, n.PutGen, n.Gen, n.SealedBlocks, n.MappedBlocks, n.Reserved = 0, 0, 0, 0, 0, 0, 0
	if n.Attr.Type == clfs.TypeRegular {
		n.Flags |= schema.Content
	}
	return nil
}
