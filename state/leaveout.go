package state

import (
	"context"
	"fmt"

	"clfsload/clfs"
)

// LeaveOut makes ready for a publication without what failed: the blobs that it may have in the
// container become garbage, and directories that could be listed in part are published so. All
// stay failures.
func (j Recorder) LeaveOut(ctx context.Context) error {
	err := changePages(ctx, j.Store, durable, func(last Node) ([]Node, error) {
		return j.nodes(ctx, `SELECT `+nodeColumnsOf+` FROM failure f CROSS JOIN inode i ON i.ino = f.ino
			WHERE f.ino > ? AND i.state = {failed} ORDER BY f.ino LIMIT ?`, last.Ino, failurePage)
	}, leaveOut)
	if err != nil {
		return fmt.Errorf("leave out failed entries: %w", err)
	}
	return nil
}

func leaveOut(t *tx, n *Node) error {
	before := *n
	if n.IsDirectory() {
		empty, err := isEmpty(t, n.Ino)
		if err != nil {
			return err
		}
		if !empty {
			n.State = Held
			return t.save(&before, n)
		}
	}
	if err := discard(t, n); err != nil {
		return err
	}
	return t.save(&before, n)
}

// discard makes garbage of all that a node may have in the container, and has the directories put
// again that may list it. What is put for it later has other names.
func discard(t *tx, n *Node) error {
	if n.PutPub != 0 {
		if err := reopenDirectories(t, n); err != nil {
			return err
		}
	}
	if err := abandon(t, n); err != nil {
		return err
	}
	if n.PutVersion != 0 {
		if err := discardVersion(t, n); err != nil {
			return err
		}
	}
	var rows []Block
	if n.Sealed > 0 { // otherwise all are below the peak
		var err error
		if rows, err = blocksFrom(t, n.Ino, 0); err != nil {
			return err
		}
	}
	for _, b := range rows {
		if n.mayBeUp(&b) {
			if err := discardSegment(t, n, b.Index, b.Gen, atOnce); err != nil {
				return err
			}
		}
	}
	if err := dropBlockRows(t, n.Ino, 0, noBlockState); err != nil {
		return err
	}
	standing, gen := n.derived()
	for from, to := range gaps(rows, 1, standing) {
		if err := discardSegments(t, n, from, to, gen, atOnce); err != nil {
			return err
		}
	}
	if err := discardSegments(t, n, 1, n.Peak, n.Next, atOnce); err != nil {
		return err
	}
	for _, m := range []struct{ gen, blocks uint64 }{{n.sealGen(), n.Mapped}, {n.Next, n.Peak}} {
		if err := discardIndirect(t, n, m.gen, m.blocks, nothingKept, atOnce); err != nil {
			return err
		}
	}
	n.Seq = t.nextSeq()
	n.Next++
	n.PutVersion, n.PutPub, n.PutGen, n.Gen, n.Sealed, n.Mapped, n.Peak = 0, 0, 0, 0, 0, 0, 0
	if n.Attr.Type == clfs.TypeRegular {
		n.Flags |= Content
	}
	return nil
}
