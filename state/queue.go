package state

import (
	"context"
	"fmt"

	"clfsload/clfs"
)

// Queue is the part of a journal that the engine takes work from, and records outcomes in.
type Queue struct{ *Store }

// QueuedNodes returns up to limit nodes that are ready to be uploaded, in order of
// their numbers, all above after.
func (j Queue) QueuedNodes(ctx context.Context, after Ino, limit int) ([]Node, error) {
	return j.nodes(ctx,
		`SELECT `+nodeColumns+` FROM inode WHERE state = {queued} AND ino > ? ORDER BY ino LIMIT ?`, after, limit)
}

// queuedFound lists queued inodes with what an inode has that is as a scan has found it.
const queuedFound = `SELECT ` + inodeColumns + `, flags, seq, peak FROM inode WHERE state = {queued} AND ino > ? ORDER BY ino LIMIT ?`

// QueuedFound is QueuedNodes for a journal in which most are as a scan has found them: it reads
// fewer columns of these, and leaves their PutOwner 0.
func (j Queue) QueuedFound(ctx context.Context, after Ino, limit int) ([]Node, error) {
	list := make([]Node, 0, limit)
	err := j.read(ctx, func(q querier) error {
		rows, err := q.QueryContext(ctx, named(queuedFound), after, limit)
		if err != nil {
			return err
		}
		defer rows.Close()
		for list = list[:0]; rows.Next(); {
			n := Node{Version: clfs.FirstVersion}
			if err := n.Inode.scan(rows, &n.Flags, &n.Seq, &n.Peak); err != nil {
				return err
			}
			list = append(list, n)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("read queued inodes: %w", classify(err))
	}
	return list, j.readChanged(ctx, list)
}

// readChanged reads those again of which more columns say something.
func (j Queue) readChanged(ctx context.Context, list []Node) (err error) {
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
	Node  Node
	Block uint64
}

// QueuedBlocks returns up to limit blocks that are ready to be uploaded although
// their files are not, in order of inode and index, all behind the given place.
func (j Queue) QueuedBlocks(ctx context.Context, afterIno Ino, afterBlock uint64, limit int) ([]BlockWork, error) {
	list, err := queryAll(ctx, j.read, scanBlockWork, `SELECT b.idx, `+nodeColumnsOf+` FROM block b JOIN inode i ON i.ino = b.ino
		WHERE b.state = {block queued} AND (b.ino, b.idx) > (?, ?) AND i.state = {dirty} ORDER BY b.ino, b.idx LIMIT ?`, afterIno, afterBlock, limit)
	if err != nil {
		return nil, fmt.Errorf("list queued blocks: %w", classify(err))
	}
	return list, nil
}

func scanBlockWork(row scanner) (w BlockWork, err error) {
	w.Node, err = scanNode(row, &w.Block)
	return w, err
}

// ReserveBlocks notes, durably, that blocks of a queued file below peak, and indirect
// blocks for so many, may be in the container as the generation Next. A sparse file
// costs what was uploaded of it when it is cut or removed, not what its size is. ok is
// false when the file is not any more what is uploaded.
func (j Queue) ReserveBlocks(ctx context.Context, file Node, peak uint64) (ok bool, err error) {
	err = j.write(ctx, durable, func(t *tx) error {
		n, err := t.node(file.Ino)
		if ok = err == nil && n.Next == file.Next && n.State != Removed; !ok {
			if err == ErrNoEntry {
				err = nil
			}
			return err
		}
		before := *n
		n.Peak = max(n.Peak, peak)
		return t.save(&before, n)
	})
	if err != nil {
		return false, fmt.Errorf("reserve %d blocks of node %d: %w", peak, file.Ino, err)
	}
	return ok, nil
}
