package contents

import (
	"context"
	"fmt"

	"clfsload/clfs"
	"clfsload/state/schema"
	"clfsload/state/store"
)

// Settled is a node as it was looked at: what is done about it counts only while
// its Seq is the same.
type Settled struct {
	Ino schema.Ino
	Seq uint64
}

// SettledPeak is how many blocks of a file are reserved for its upload when it settles:
// as many as need no indirect block. See ReserveBlocks for more.
const SettledPeak = clfs.MaxDirect

// Unsettled returns up to limit nodes whose state is Dirty, in order of their
// numbers, all above after.
func (j Files) Unsettled(ctx context.Context, after schema.Ino, limit int) ([]schema.Node, error) {
	return j.Nodes(ctx,
		`SELECT `+schema.NodeColumns+` FROM inode WHERE state = {dirty} AND ino > ? ORDER BY ino LIMIT ?`, after, limit)
}

// Settle queues nodes, durably; the bytes of their staging files must be on the
// disk. Those that were changed, or are open or incomplete, stay.
func (j Files) Settle(ctx context.Context, list []Settled) error {
	err := j.Write(ctx, store.Durable, func(t *store.Tx) error {
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

func settle(t *store.Tx, s Settled) error {
	n, err := t.Node(s.Ino)
	if err == schema.ErrNoEntry {
		return nil
	}
	if err != nil {
		return err
	}
	if n.Seq != s.Seq || n.State != schema.Dirty || n.Flags&(schema.Opened|schema.Incomplete) != 0 {
		return nil
	}
	before := *n
	n.State = schema.Queued
	n.Flags |= schema.Begun
	if n.Attr.Type == clfs.TypeRegular && n.Flags&schema.Content != 0 {
		n.Reserved = max(n.Reserved, min(schema.Blocks(n.Attr.Size), SettledPeak))
	}
	return t.Save(&before, n)
}
