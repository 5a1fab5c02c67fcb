package state

import (
	"context"
	"fmt"

	"clfsload/clfs"
)

// Vanished returns up to limit failed inodes whose source is not there any more,
// in order of their numbers, all above after.
func (j *Journal) Vanished(ctx context.Context, after Ino, limit int) ([]Inode, error) {
	return scanInodes(j.read.QueryContext(ctx, `SELECT `+inodeColumns+` FROM inode
		WHERE state = 4 AND ino > ?1 AND ino IN (SELECT ino FROM failure WHERE gone = 1 AND ino > ?1)
		ORDER BY ino LIMIT ?2`, after, limit))
}

// Forget removes a failed inode that was returned by Vanished, and all its names,
// from the journal: their directories are listed again, and what they hold now
// takes its place. Its blobs must be gone before. A directory with entries is left
// as it is.
func (j *Journal) Forget(ctx context.Context, in Inode) error {
	err := j.update(ctx, func(t *tx) error { return t.forget(&in) })
	if err != nil {
		return fmt.Errorf("forget inode %d: %w", in.Ino, err)
	}
	return nil
}

func (t *tx) forget(in *Inode) error {
	if in.Attr.Type == clfs.TypeDirectory {
		var has bool
		if err := t.stmts.hasEntries.QueryRow(in.Ino).Scan(&has); err != nil || has {
			return err
		}
	}
	if err := t.relistParents(in); err != nil {
		return err
	}
	if err := t.dropNames(in); err != nil {
		return err
	}
	t.ledger.FoundInodes--
	t.ledger.FoundBytes -= contentBytes(&in.Attr)
	_, err := t.stmts.dropInode.Exec(in.Ino)
	return err
}

// relistParents makes every directory that holds a name of the inode unscanned.
func (t *tx) relistParents(in *Inode) error {
	closed, err := affected(t.stmts.closeDone.Exec(in.Parent, in.Ino))
	if err != nil {
		return err
	}
	t.ledger.DoneInodes -= closed
	t.queued = true
	_, err = t.stmts.relist.Exec(in.Parent, in.Ino)
	return err
}

func (t *tx) dropNames(in *Inode) error {
	a := &in.Attr
	if _, err := t.stmts.dropHardlink.Exec(in.Ino, int64(a.Dev), int64(a.Ino), a.Type); err != nil {
		return err
	}
	shared, err := affected(t.stmts.dropDirents.Exec(in.Ino))
	if err != nil {
		return err
	}
	single, err := affected(t.stmts.dropDirent.Exec(in.Parent, in.Name, in.Ino))
	if err != nil {
		return err
	}
	t.ledger.FoundEntries -= shared + single
	if _, err := t.stmts.clearProgress.Exec(in.Ino); err != nil {
		return err
	}
	known, err := changed(t.stmts.clearFailure.Exec(in.Parent, in.Name))
	if known {
		t.ledger.Failures--
	}
	return err
}
