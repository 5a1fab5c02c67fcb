package state

import "context"

// Change sets what is not nil. Times are nanoseconds since 1970.
type Change struct {
	Mode, UID, GID *uint32
	Mtime, Atime   *int64
	Ctime          int64
}

// SetAttr changes attributes. Errors: ErrNoEntry.
func (j *Journal) SetAttr(ctx context.Context, ino Ino, c Change) (Node, error) {
	return j.change(ctx, ino, "set attributes of", func(t *tx, n *Node) error {
		a := &n.Attr
		for _, v := range []struct{ to, from *uint32 }{{&a.Mode, c.Mode}, {&a.UID, c.UID}, {&a.GID, c.GID}} {
			if v.from != nil {
				*v.to = *v.from
			}
		}
		if c.Mtime != nil {
			a.Mtime = *c.Mtime
		}
		if c.Atime != nil {
			a.Atime = *c.Atime
		}
		a.Ctime = c.Ctime
		t.touch(n)
		return nil
	})
}

// BeginWrite notes that the contents of a regular file are about to change. Until
// EndWrite its size and mtime are those of its staging file. Errors: ErrNoEntry.
func (j *Journal) BeginWrite(ctx context.Context, ino Ino) (Node, error) {
	return j.change(ctx, ino, "begin to write", func(t *tx, n *Node) error {
		t.touchContents(n)
		n.Flags |= Opened
		return nil
	})
}

func (t *tx) touchContents(n *Node) {
	t.touch(n)
	n.Cseq = n.Seq
	n.Flags |= Content
	n.Flags &^= Synced
}

// Written is what became of a file that was written.
type Written struct {
	Size, Mtime, Ctime int64
	Synced             bool // all its bytes were fsynced
}

// EndWrite notes that nobody writes a file any more. Errors: ErrNoEntry.
func (j *Journal) EndWrite(ctx context.Context, ino Ino, w Written) (Node, error) {
	return j.change(ctx, ino, "end writing", func(t *tx, n *Node) error {
		t.touchContents(n)
		n.setWritten(&w)
		n.Flags &^= Opened | Incomplete
		return nil
	})
}

// NoteWritten keeps the size and times of a file that stays open, for fsync.
func (j *Journal) NoteWritten(ctx context.Context, ino Ino, w Written) error {
	_, err := j.change(ctx, ino, "note what was written to", func(t *tx, n *Node) error {
		n.setWritten(&w)
		t.touch(n)
		return nil
	})
	return err
}

func (n *Node) setWritten(w *Written) {
	n.Attr.Size, n.Attr.Mtime, n.Attr.Ctime = w.Size, w.Mtime, w.Ctime
	n.Flags &^= Synced
	if w.Synced {
		n.Flags |= Synced
	}
}
