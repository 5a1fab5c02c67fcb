package contents

import (
	"context"
	"fmt"

	"clfsload/state/schema"
	"clfsload/state/store"
)

var (
	setUsedStmt     = store.NewStatement(`UPDATE inode SET used = ?2 WHERE ino = ?1 AND used > 0`)
	evictBlocksStmt = store.NewStatement(`UPDATE block SET state = {block remote} WHERE ino = ? AND state = {block uploaded}`)
	evictBlockStmt  = store.NewStatement(`UPDATE block SET state = {block remote} WHERE ino = ? AND idx = ? AND state = {block uploaded}`)
)

// EvictableNodes lists files whose contents are in the container as they are.
const EvictableNodes = `SELECT ` + schema.NodeColumns + ` FROM inode WHERE used > 0 AND size > 0 AND state = {done}
	UNION ALL SELECT ` + schema.NodeColumns + ` FROM inode WHERE used > 0 AND size > 0 AND state = {sealed}
	ORDER BY used, ino LIMIT ?`

// Evictable returns up to limit regular files that are uploaded and in staging,
// the ones that were not used for longest first.
func (j Files) Evictable(ctx context.Context, limit int) ([]schema.Node, error) {
	return j.Nodes(ctx, EvictableNodes, limit)
}

// BlockOf is a block of a file.
type BlockOf struct {
	Ino   schema.Ino
	Index uint64
}

// EvictableBlocks returns up to limit blocks that were uploaded while their files
// were not, and are in staging.
func (j Files) EvictableBlocks(ctx context.Context, limit int) ([]BlockOf, error) {
	list, err := store.QueryAll(ctx, j.Read, scanBlockOf,
		`SELECT ino, idx FROM block WHERE state = {block uploaded} AND idx > 0 ORDER BY ino, idx LIMIT ?`, limit)
	if err != nil {
		return nil, fmt.Errorf("list blocks in staging: %w", store.Classify(err))
	}
	return list, nil
}

func scanBlockOf(row schema.Scanner) (b BlockOf, err error) {
	err = row.Scan(&b.Ino, &b.Index)
	return b, err
}

// Evict notes, durably, that the staging files of uploaded files are about to be
// removed, and returns which may be. Those that changed are left out.
func (j Files) Evict(ctx context.Context, list []Settled) ([]schema.Ino, error) {
	var evicted []schema.Ino
	err := j.Write(ctx, store.Durable, func(t *store.Tx) error {
		evicted = nil
		for _, s := range list {
			ok, err := evict(t, s)
			if err != nil {
				return err
			}
			if ok {
				evicted = append(evicted, s.Ino)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("evict %d files: %w", len(list), err)
	}
	return evicted, nil
}

func evict(t *store.Tx, s Settled) (bool, error) {
	n, err := t.Node(s.Ino)
	if err == schema.ErrNoEntry {
		return false, nil
	}
	if err != nil || n.Seq != s.Seq || !n.IsUploaded() {
		return false, err
	}
	before := *n
	n.Flags |= schema.Evicted
	n.Used = 0
	if _, err := evictBlocksStmt.Exec(t, n.Ino); err != nil {
		return false, err
	}
	return true, t.Save(&before, n)
}

// EvictBlocks notes, durably, that blocks are about to be punched out of a staging
// file, and returns which may be. Those that changed are left out.
func (j Files) EvictBlocks(ctx context.Context, ino schema.Ino, blocks []uint64) ([]uint64, error) {
	var evicted []uint64
	err := j.Write(ctx, store.Durable, func(t *store.Tx) error {
		evicted = nil
		for _, index := range blocks {
			ok, err := store.Changed(evictBlockStmt.Exec(t, ino, index))
			if err != nil {
				return err
			}
			if ok {
				evicted = append(evicted, index)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("evict blocks of node %d: %w", ino, err)
	}
	return evicted, nil
}

// Restage notes that a file is in staging which was evicted: the process died before
// the staging file was removed. It is the next one to be evicted then. Errors:
// ErrNoEntry.
func (j Files) Restage(ctx context.Context, ino schema.Ino) error {
	_, err := j.Change(ctx, ino, "note the staging file of", func(_ *store.Tx, n *schema.Node) error {
		n.Used = max(n.Used, 1)
		return nil
	})
	return err
}

// Touch notes that files are used now.
func (j Files) Touch(ctx context.Context, list []schema.Ino) error {
	err := j.Write(ctx, store.Committed, func(t *store.Tx) error {
		now := t.NextSeq()
		for _, ino := range list {
			if _, err := setUsedStmt.Exec(t, ino, now); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("note use of %d files: %w", len(list), err)
	}
	return nil
}
