package state

import (
	"context"
	"fmt"
)

var (
	dropLinkStmt  = newStatement(`DELETE FROM source_link WHERE fileid = ? AND ino = ?`)
	setOriginStmt = newStatement(`UPDATE inode SET fileid = ?2, rdev = ?3 WHERE ino = ?1`)
)

// Renew notes, durably and before anything of it is put, that a queued file of the source has
// other contents than its row says. What was uploaded of it counts for nothing, and is put again
// under the same names. ok is false when the file is not any more what is uploaded.
func (j Recorder) Renew(ctx context.Context, file Node, a Attr) (n Node, ok bool, err error) {
	err = j.write(ctx, durable, func(t *tx) error {
		row, err := t.node(file.Ino)
		if ok = err == nil && row.Next == file.Next && row.State == Queued; !ok {
			if err == ErrNoEntry {
				err = nil
			}
			return err
		}
		before := *row
		row.Seq = t.nextSeq()
		row.Cseq = row.Seq
		row.Flags |= Content | Begun
		if err := dirtyAll(t, row); err != nil {
			return err
		}
		if err := setSource(t, row, &a); err != nil {
			return err
		}
		row.Peak = max(row.Peak, min(Blocks(a.Size), settledPeak))
		n = *row
		return t.save(&before, row)
	})
	if err != nil {
		return Node{}, false, fmt.Errorf("record new contents of inode %d: %w", file.Ino, err)
	}
	return n, ok, nil
}

// setSource gives a node other attributes of the source. Another file may stand there by now:
// a further link of the one that was found first is none of this one.
func setSource(t *tx, n *Node, a *Attr) error {
	if a.Ino != n.Attr.Ino {
		if _, err := dropLinkStmt.Exec(t, int64(n.Attr.Ino), n.Ino); err != nil {
			return err
		}
	}
	t.ledger.FoundBytes += contentBytes(a) - contentBytes(&n.Attr)
	links := n.Attr.Nlink
	n.Attr = *a
	n.Attr.Nlink = links
	_, err := setOriginStmt.Exec(t, n.Ino, n.fileID(), int64(a.Rdev))
	return err
}
