package state

import (
	"context"
	"fmt"
)

var (
	reopenStmt     = newStatement(`UPDATE inode SET flags = flags | ?2 WHERE ino = ?1 AND state = {dirty}`)
	dropBlocksStmt = newRedoable(opDropBlocks, 3, `DELETE FROM block WHERE ino = ?1 AND idx >= ?2 AND state <> ?3`)
)

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
// EndWrite its size and mtime are those of its staging file. Of a file whose contents the
// journal vouches for, this is durable: no power cut may bring back that it does, when they
// have changed on the disk. Errors: ErrNoEntry, ErrUnfaithful; with any other one that comes with a Node the
// change was made and may not be durable.
func (j *Journal) BeginWrite(ctx context.Context, ino Ino) (Node, error) {
	vouched := false
	n, err := j.change(ctx, ino, "begin to write", func(t *tx, n *Node) error {
		if n.Flags&Unfaithful != 0 {
			return ErrUnfaithful
		}
		vouched = n.vouchesForContents()
		touchContents(t, n)
		n.Flags |= Opened
		return nil
	})
	if err != nil || !vouched {
		return n, err
	}
	return n, j.Sync(ctx)
}

// vouchesForContents reports whether after a power cut the file passes for whole.
func (n *Node) vouchesForContents() bool {
	unsynced := n.State == Dirty && n.Flags&(Content|Synced) == Content
	return n.Attr.Size > 0 && n.State != Removed && !unsynced && n.Flags&(Opened|Incomplete) == 0
}

func touchContents(t *tx, n *Node) {
	t.touch(n)
	n.Cseq, n.used = n.Seq, n.Seq
	n.Flags |= Content
	n.Flags &^= Synced
}

// Written is what became of a file that was written.
type Written struct {
	Size, Mtime, Ctime int64
	Synced             bool // all its bytes were fsynced
}

// EndWrite notes that nobody writes a file any more. Its ctime never goes back.
// Errors: ErrNoEntry.
func (j *Journal) EndWrite(ctx context.Context, ino Ino, w Written) (Node, error) {
	return j.change(ctx, ino, "end writing", func(t *tx, n *Node) error {
		n.Flags &^= Opened | Incomplete
		setWritten(t, n, &w)
		return nil
	})
}

// NoteWritten keeps the size and times of a file that stays open, for fsync.
func (j *Journal) NoteWritten(ctx context.Context, ino Ino, w Written) error {
	_, err := j.change(ctx, ino, "note what was written to", func(t *tx, n *Node) error {
		setWritten(t, n, &w)
		return nil
	})
	return err
}

// setWritten takes over size and times. That the contents change was noted when
// the writing began, and nothing was uploaded since.
func setWritten(t *tx, n *Node, w *Written) {
	a := &n.Attr
	n.Flags &^= Synced
	if w.Synced {
		n.Flags |= Synced
	}
	switch {
	case a.Size != w.Size && n.Flags&Content == 0:
		synced := n.Flags & Synced
		touchContents(t, n)
		n.Flags |= synced
	case a.Size != w.Size || a.Mtime != w.Mtime || a.Ctime < w.Ctime:
		t.touch(n)
	}
	a.Size, a.Mtime, a.Ctime = w.Size, w.Mtime, max(a.Ctime, w.Ctime)
}

// StillOpen notes that files which were closed once are held open for writing by
// somebody else: they are incomplete after a crash. Only those that are dirty.
func (j *Journal) StillOpen(ctx context.Context, list []Ino) error {
	err := j.write(ctx, committed, func(t *tx) error {
		for _, ino := range list {
			if _, err := reopenStmt.Exec(t, ino, Opened); err != nil {
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

// Truncate sets the size of a regular file, after BeginWrite. What lies behind the
// new end is not needed any more; the block in which it lies, and the one in which
// the old end lay, are dirty then. Errors: ErrNoEntry.
func (j *Journal) Truncate(ctx context.Context, ino Ino, size, now int64) (Node, error) {
	return j.change(ctx, ino, "truncate", func(t *tx, n *Node) error {
		touchContents(t, n)
		n.Attr.Mtime, n.Attr.Ctime = now, max(n.Attr.Ctime, now)
		return resize(t, n, size)
	})
}

func resize(t *tx, n *Node, size int64) error {
	if err := dropBlocks(t, n, Blocks(size)); err != nil {
		return err
	}
	old := n.Attr.Size
	if size == old {
		return nil
	}
	n.Attr.Size = size
	for _, end := range []int64{old, size} {
		if last := Blocks(end) - 1; end <= size && isPartial(last, end) {
			if _, err := dirtyBlock(t, n, last); err != nil {
				return err
			}
		}
	}
	return nil
}

// isPartial reports whether a file of size bytes ends within its last block.
func isPartial(last uint64, size int64) bool {
	offset, length := BlockRange(last)
	return size != offset+length
}

// dropBlocks forgets the blocks from the first one on. Of those that may be on
// their way up as Next a dirty row stays, which keeps them out of the queue of
// early uploads: a late answer must not be taken for one about what comes there
// next.
func dropBlocks(t *tx, n *Node, first uint64) error {
	rows, err := blocksFrom(t, n.Ino, first)
	if err != nil {
		return err
	}
	if _, err := dropBlocksStmt.Exec(t, n.Ino, first, noBlockState); err != nil {
		return err
	}
	for _, b := range rows {
		if err := dropBlock(t, n, b); err != nil {
			return err
		}
	}
	for from, to := range gaps(rows, first, n.derivedBlocks()) {
		if err := discardSegments(t, n, from, to, n.Gen, n.Next+1); err != nil {
			return err
		}
	}
	n.Sealed = min(n.Sealed, first)
	return nil
}

func dropBlock(t *tx, n *Node, b Block) error {
	switch {
	case b.Gen == n.Next:
		return setBlock(t, n.Ino, Block{Index: b.Index, Gen: n.Next, State: BlockDirty})
	case b.isUp():
		return discardSegment(t, n, b.Index, b.Gen, n.Next+1)
	}
	return nil
}

// discardSegments makes the blobs of the blocks from..to-1 garbage, in one row.
func discardSegments(t *tx, n *Node, from, to, gen, after uint64) error {
	if from = max(from, 1); to <= from+1 {
		if to <= from {
			return nil
		}
		return discardSegment(t, n, from, gen, after)
	}
	return addGarbage(t, n.Ino, after, segmentRun{n.ID, gen, from, to}.String())
}

// discardSegment makes the blob of a block garbage; the head has none.
func discardSegment(t *tx, n *Node, index, gen, after uint64) error {
	if index == 0 {
		return nil
	}
	return addGarbage(t, n.Ino, after, segmentName(t.settings.Key, n.ID, gen, index))
}
