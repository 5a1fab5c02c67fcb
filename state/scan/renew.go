package scan

import (
	"context"
	"fmt"

	"clfsload/state/contents"
	"clfsload/state/schema"
	"clfsload/state/store"
)

var (
	dropLinkStmt  = store.NewStatement(`DELETE FROM source_link WHERE fileid = ? AND ino = ?`)
	setOriginStmt = store.NewStatement(`UPDATE inode SET fileid = ?2, rdev = ?3 WHERE ino = ?1`)
)

// Renew notes, durably and before anything of it is put, that a queued file of the source has
// other contents than its row says. What was uploaded of it counts for nothing, and is put again
// under the same names. ok is false when the file is not any more what is uploaded.
func (j Recorder) Renew(ctx context.Context, file schema.Node, a schema.Attr) (n schema.Node, ok bool, err error) {
	err = j.Write(ctx, store.Durable, func(t *store.Tx) error {
		row, err := t.Node(file.Ino)
		if ok = err == nil && row.Next == file.Next && row.State == schema.Queued; !ok {
			if err == schema.ErrNoEntry {
				err = nil
			}
			return err
		}
		before := *row
		row.Seq = t.NextSeq()
		row.Cseq = row.Seq
		row.Flags |= schema.Content | schema.Begun
		if err := contents.DirtyAll(t, row); err != nil {
			return err
		}
		if err := setSource(t, row, &a); err != nil {
			return err
		}
		row.Reserved = max(row.Reserved, min(schema.Blocks(a.Size), contents.SettledPeak))
		n = *row
		return t.Save(&before, row)
	})
	if err != nil {
		return schema.Node{}, false, fmt.Errorf("record new contents of inode %d: %w", file.Ino, err)
	}
	return n, ok, nil
}

// setSource gives a node other attributes of the source. Another file may stand there by now:
// a further link of the one that was found first is none of this one.
func setSource(t *store.Tx, n *schema.Node, a *schema.Attr) error {
	if a.Ino != n.Attr.Ino {
		if _, err := dropLinkStmt.Exec(t, int64(n.Attr.Ino), n.Ino); err != nil {
			return err
		}
	}
	t.Ledger.FoundBytes += schema.ContentBytes(a) - schema.ContentBytes(&n.Attr)
	links := n.Attr.Nlink
	n.Attr = *a
	n.Attr.Nlink = links
	_, err := setOriginStmt.Exec(t, n.Ino, n.FileID(), int64(a.Rdev))
	return err
}
