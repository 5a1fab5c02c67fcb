package state

import (
	"context"
	"fmt"

	"clfsload/clfs"
)

// Settled is a node as it was looked at: what is done about it counts only while
// its Seq is the same.
type Settled struct {
	Ino Ino
	Seq uint64
}

// Unsettled returns up to limit nodes whose state is Dirty, in order of their
// numbers, all above after.
func (j *Journal) Unsettled(ctx context.Context, after Ino, limit int) ([]Node, error) {
	return scanNodes(j.read.QueryContext(ctx,
		`SELECT `+nodeColumns+` FROM inode WHERE state = 5 AND ino > ? ORDER BY ino LIMIT ?`, after, limit))
}

// Settle queues nodes, durably; the bytes of their staging files must be on the
// disk. Those that were changed, or are open or incomplete, stay.
func (j *Journal) Settle(ctx context.Context, list []Settled) error {
	err := j.mutateDurably(ctx, func(t *tx) error {
		for _, s := range list {
			if err := t.settle(s); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("settle %d nodes: %w", len(list), err)
	}
	return nil
}

func (t *tx) settle(s Settled) error {
	n, err := t.node(s.Ino)
	if err == ErrNoEntry {
		return nil
	}
	if err != nil {
		return err
	}
	if n.Seq != s.Seq || n.State != Dirty || n.Flags&(Opened|Incomplete) != 0 {
		return nil
	}
	before := *n
	n.State = Queued
	n.Flags |= Begun
	if n.Attr.Type == clfs.TypeRegular && n.Flags&Content != 0 {
		n.Peak = max(n.Peak, Blocks(n.Attr.Size))
	}
	return t.save(&before, n)
}
