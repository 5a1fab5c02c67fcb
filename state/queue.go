package state

import (
	"context"
	"database/sql"
	"fmt"
)

// Changed returns a channel that is closed when rows enter a queue, or nodes of a
// mount leave it. Take it before asking for work, wait on it when there was none.
func (j *Journal) Changed() <-chan struct{} { return j.wake.wait() }

// Queued returns up to limit inodes that are ready to be uploaded, in order of
// their numbers, all above after.
func (j *Journal) Queued(ctx context.Context, after Ino, limit int) ([]Inode, error) {
	return j.durableInodes(ctx,
		`SELECT `+inodeColumns+` FROM inode WHERE state = 1 AND ino > ? ORDER BY ino LIMIT ?`, after, limit)
}

// Outcome is what became of an inode that the engine took.
type Outcome struct {
	Inode    Inode     // as the engine took it, Attr.Size as it stands in the journal
	Attr     Attr      // as written
	Problem  *Problem  // not nil: it failed
	Progress *Progress // not nil: it goes on, this far
}

// Progress is how far a file of several segments has come.
type Progress struct {
	Segments uint64 // all segments before this one are in the container
	Attr     Attr   // of the file that they were read from
}

// Record commits outcomes. An inode that got a further link since it was taken
// stays queued.
func (j *Journal) Record(ctx context.Context, outcomes []Outcome) error {
	err := j.write(ctx, durable, func(t *tx) error {
		for i := range outcomes {
			if err := t.record(&outcomes[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("record %d outcomes: %w", len(outcomes), err)
	}
	return nil
}

func (t *tx) record(o *Outcome) error {
	switch {
	case o.Progress != nil:
		a := &o.Progress.Attr
		_, err := t.stmts.setProgress.Exec(o.Inode.Ino, o.Progress.Segments, a.Size, a.Mtime, a.Ctime)
		return err
	case o.Problem != nil:
		return t.failInode(&o.Inode, *o.Problem)
	}
	return t.complete(o)
}

func (t *tx) complete(o *Outcome) error {
	in := &o.Inode
	isDone, err := changed(t.stmts.complete.Exec(in.Ino, in.Links))
	if err != nil {
		return err
	}
	if !isDone {
		t.queued = true
		return nil
	}
	if o.Attr != in.Attr {
		if err := t.replaceAttr(in, &o.Attr); err != nil {
			return err
		}
	}
	t.ledger.DoneInodes++
	t.ledger.DoneBytes += contentBytes(&o.Attr)
	_, err = t.stmts.clearProgress.Exec(in.Ino)
	return err
}

// replaceAttr records what was found when an inode was written. Another file may stand
// there by now: a further link of the one that was found first is none of this one.
func (t *tx) replaceAttr(in *Inode, a *Attr) error {
	old := &in.Attr
	if a.Ino != old.Ino || a.Dev != old.Dev {
		if _, err := t.stmts.dropHardlink.Exec(in.Ino, int64(old.Dev), int64(old.Ino), old.Type); err != nil {
			return err
		}
	}
	return t.setAttr(in, a)
}

func (t *tx) setAttr(in *Inode, a *Attr) error {
	t.ledger.FoundBytes += contentBytes(a) - contentBytes(&in.Attr)
	_, err := t.stmts.setAttr.Exec(in.Ino, a.Mode, a.UID, a.GID, a.Size, a.Mtime, a.Ctime, a.Atime,
		int64(a.Dev), int64(a.Ino), int64(a.Rdev))
	return err
}

// Grow records, before any of it is uploaded, that a file is larger than it was
// when it was scanned: no segment is ever uploaded that the journal does not
// know of, so that none can be left behind.
func (j *Journal) Grow(ctx context.Context, in Inode, size int64) error {
	err := j.write(ctx, durable, func(t *tx) error {
		t.ledger.FoundBytes += uint64(size - in.Attr.Size)
		_, err := t.stmts.setSize.Exec(in.Ino, size)
		return err
	})
	if err != nil {
		return fmt.Errorf("record new size of inode %d: %w", in.Ino, err)
	}
	return nil
}

// ReserveSegments records, before any of them is uploaded, that a directory may have so
// many segments beside the first in the container: none is uploaded that the journal
// does not know of. Nothing is taken back by a smaller number.
func (j *Journal) ReserveSegments(ctx context.Context, dir Ino, segments uint64) error {
	err := j.write(ctx, durable, func(t *tx) error {
		_, err := t.stmts.reserve.Exec(dir, segments)
		return err
	})
	if err != nil {
		return fmt.Errorf("reserve segments of directory %d: %w", dir, err)
	}
	return nil
}

// ReservedSegments returns how many segments were reserved for a directory so far.
func (j *Journal) ReservedSegments(ctx context.Context, dir Ino) (segments uint64, err error) {
	row := j.row(ctx, `SELECT peak FROM inode WHERE ino = ?`, dir)
	if err := row.Scan(&segments); err != nil {
		return 0, fmt.Errorf("read segments of directory %d: %w", dir, classify(err))
	}
	return segments, nil
}

// ProgressOf returns how far the upload of an inode had come; no progress is no
// error.
func (j *Journal) ProgressOf(ctx context.Context, ino Ino) (Progress, error) {
	var p Progress
	row := j.row(ctx, `SELECT segments, size, mtime, ctime FROM progress WHERE ino = ?`, ino)
	err := row.Scan(&p.Segments, &p.Attr.Size, &p.Attr.Mtime, &p.Attr.Ctime)
	if err != nil && err != sql.ErrNoRows {
		return Progress{}, fmt.Errorf("read progress of inode %d: %w", ino, classify(err))
	}
	return p, nil
}

// SetPhase records how far the transfer has come.
func (j *Journal) SetPhase(ctx context.Context, p Phase) error {
	return j.write(ctx, durable, func(t *tx) error {
		t.ledger.phase = p
		return nil
	})
}
