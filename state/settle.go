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

// settledPeak is how many blocks of a file are reserved for its upload when it settles:
// as many as need no indirect block. See ReserveBlocks for more.
const settledPeak = clfs.MaxDirect

// Unsettled returns up to limit nodes whose state is Dirty, in order of their
// numbers, all above after.
func (j Files) Unsettled(ctx context.Context, after Ino, limit int) ([]Node, error) {
	return j.nodes(ctx,
		`SELECT `+nodeColumns+` FROM inode WHERE state = {dirty} AND ino > ? ORDER BY ino LIMIT ?`, after, limit)
}

// Settle queues nodes, durably; the bytes of their staging files must be on the
// disk. Those that were changed, or are open or incomplete, stay.
func (j Files) Settle(ctx context.Context, list []Settled) error {
	err := j.write(ctx, durable, func(t *tx) error {
		for _, s := range list {
			if err := settle(t, s); err != nil {
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

func settle(t *tx, s Settled) error {
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
		n.Peak = max(n.Peak, min(Blocks(n.Attr.Size), settledPeak))
	}
	return t.save(&before, n)
}
