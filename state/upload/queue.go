package upload

import (
	"context"
	"fmt"

	"clfsload/clfs"
	"clfsload/state/schema"
	"clfsload/state/store"
)

// Queue is the part of a journal that the engine takes work from, and records outcomes in.
type Queue struct{ *store.Store }

// QueuedNodes returns up to limit nodes that are ready to be uploaded, in order of
// their numbers, all above after.
func (j Queue) QueuedNodes(ctx context.Context, after schema.Ino, limit int) ([]schema.Node, error) {
	return j.Nodes(ctx,
		`SELECT `+schema.NodeColumns+` FROM inode WHERE state = {queued} AND ino > ? ORDER BY ino LIMIT ?`, after, limit)
}

// queuedFound lists queued inodes with what an inode has that is as a scan has found it.
const queuedFound = `SELECT ` + schema.InodeColumns + `, flags, seq, peak FROM inode WHERE state = {queued} AND ino > ? ORDER BY ino LIMIT ?`

// QueuedFound is QueuedNodes for a journal in which most are as a scan has found them: it reads
// fewer columns of these, and leaves their PutOwner 0.
func (j Queue) QueuedFound(ctx context.Context, after schema.Ino, limit int) ([]schema.Node, error) {
	list := make([]schema.Node, 0, limit)
	err := j.Read(ctx, func(q store.Querier) error {
		rows, err := q.QueryContext(ctx, schema.SQL(queuedFound), after, limit)
		if err != nil {
			return err
		}
		defer rows.Close()
		for list = list[:0]; rows.Next(); {
			n := schema.Node{Version: clfs.FirstVersion}
			if err := n.Inode.Scan(rows, &n.Flags, &n.Seq, &n.Reserved); err != nil {
				return err
			}
			list = append(list, n)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("read queued inodes: %w", store.Classify(err))
	}
	return list, j.readChanged(ctx, list)
}

// readChanged reads those again of which more columns say something.
func (j Queue) readChanged(ctx context.Context, list []schema.Node) (err error) {
	for i := range list {
		if n := &list[i]; n.Seq != 0 {
			if *n, err = j.Node(ctx, n.Ino); err != nil {
				return err
			}
		}
	}
	return nil
}

// BlockWork is a block of an open file that is ready to be uploaded.
type BlockWork struct {
	Node  schema.Node
	Block uint64
}

// QueuedBlocks returns up to limit blocks that are ready to be uploaded although
// their files are not, in order of inode and index, all behind the given place.
func (j Queue) QueuedBlocks(ctx context.Context, afterIno schema.Ino, afterBlock uint64, limit int) ([]BlockWork, error) {
	list, err := store.QueryAll(ctx, j.Read, scanBlockWork, `SELECT b.idx, `+schema.NodeColumnsOf+` FROM block b JOIN inode i ON i.ino = b.ino
		WHERE b.state = {block queued} AND (b.ino, b.idx) > (?, ?) AND i.state = {dirty} ORDER BY b.ino, b.idx LIMIT ?`, afterIno, afterBlock, limit)
	if err != nil {
		return nil, fmt.Errorf("list queued blocks: %w", store.Classify(err))
	}
	return list, nil
}

func scanBlockWork(row schema.Scanner) (w BlockWork, err error) {
	w.Node, err = schema.ScanNode(row, &w.Block)
	return w, err
}

// ReserveBlocks notes, durably, that blocks of a queued file below peak, and indirect
// blocks for so many, may be in the container as the generation Next. A sparse file
// costs what was uploaded of it when it is cut or removed, not what its size is. ok is
// false when the file is not any more what is uploaded.
func (j Queue) ReserveBlocks(ctx context.Context, file schema.Node, peak uint64) (ok bool, err error) {
	err = j.Write(ctx, store.Durable, func(t *store.Tx) error {
		n, err := t.Node(file.Ino)
		if ok = err == nil && n.Next == file.Next && n.State != schema.Removed; !ok {
			if err == schema.ErrNoEntry {
				err = nil
			}
			return err
		}
		before := *n
		n.Reserved = max(n.Reserved, peak)
		return t.Save(&before, n)
	})
	if err != nil {
		return false, fmt.Errorf("reserve %d blocks of node %d: %w", peak, file.Ino, err)
	}
	return ok, nil
}
