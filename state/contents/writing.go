package contents

import (
	"context"
	"fmt"

	"clfsload/state/schema"
	"clfsload/state/store"
)

var reopenStmt = store.NewStatement(`UPDATE inode SET flags = flags | ?2 WHERE ino = ?1 AND state = {dirty}`)

// Files is the part of a journal that says where the contents of files are: in staging, in the
// container, or in both.
type Files struct{ *store.Store }

// BeginWrite notes that the contents of a regular file are about to change. Until
// EndWrite its size and mtime are those of its staging file. Of a file whose contents the
// journal vouches for, this is durable: no power cut may bring back that it does, when they
// have changed on the disk. Errors: ErrNoEntry, ErrUnfaithful; with any other one that comes with a Node the
// change was made and may not be durable.
func (j Files) BeginWrite(ctx context.Context, ino schema.Ino) (schema.Node, error) {
	vouched := false
	n, err := j.Change(ctx, ino, "begin to write", func(t *store.Tx, n *schema.Node) error {
		if n.Flags&schema.Unfaithful != 0 {
			return schema.ErrUnfaithful
		}
		vouched = n.VouchesForContents()
		Touch(t, n)
		n.Flags |= schema.Opened
		return nil
	})
	if err != nil || !vouched {
		return n, err
	}
	return n, j.Sync(ctx)
}

func Touch(t *store.Tx, n *schema.Node) {
	t.Touch(n)
	n.Cseq, n.Used = n.Seq, n.Seq
	n.Flags |= schema.Content
	n.Flags &^= schema.Synced
}

// Written is what became of a file that was written.
type Written struct {
	Size, Mtime, Ctime int64
	Synced             bool // all its bytes were fsynced
}

// EndWrite notes that nobody writes a file any more. Its ctime never goes back.
// Errors: ErrNoEntry.
func (j Files) EndWrite(ctx context.Context, ino schema.Ino, w Written) (schema.Node, error) {
	return j.Change(ctx, ino, "end writing", func(t *store.Tx, n *schema.Node) error {
		n.Flags &^= schema.Opened | schema.Incomplete
		setWritten(t, n, &w)
		return nil
	})
}

// NoteWritten keeps the size and times of a file that stays open, for fsync.
func (j Files) NoteWritten(ctx context.Context, ino schema.Ino, w Written) error {
	_, err := j.Change(ctx, ino, "note what was written to", func(t *store.Tx, n *schema.Node) error {
		setWritten(t, n, &w)
		return nil
	})
	return err
}

// setWritten takes over size and times. That the contents change was noted when
// the writing began, and nothing was uploaded since.
func setWritten(t *store.Tx, n *schema.Node, w *Written) {
	a := &n.Attr
	n.Flags &^= schema.Synced
	if w.Synced {
		n.Flags |= schema.Synced
	}
	switch {
	case a.Size != w.Size && n.Flags&schema.Content == 0:
		synced := n.Flags & schema.Synced
		Touch(t, n)
		n.Flags |= synced
	case a.Size != w.Size || a.Mtime != w.Mtime || a.Ctime < w.Ctime:
		t.Touch(n)
	}
	a.Size, a.Mtime, a.Ctime = w.Size, w.Mtime, max(a.Ctime, w.Ctime)
}

// StillOpen notes that files which were closed once are held open for writing by
// somebody else: they are incomplete after a crash. Only those that are dirty.
func (j Files) StillOpen(ctx context.Context, list []schema.Ino) error {
	err := j.Write(ctx, store.Committed, func(t *store.Tx) error {
		for _, ino := range list {
			if _, err := reopenStmt.Exec(t, ino, schema.Opened); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("note %d files as open: %w", len(list), err)
	}
	return nil
}
