package state

import (
	"context"
	"fmt"
)

// Vanished returns up to limit failed inodes whose source is not there any more,
// in order of their numbers, all above after.
func (j *Journal) Vanished(ctx context.Context, after Ino, limit int) ([]Inode, error) {
	return j.inodes(ctx, `SELECT `+inodeColumns+` FROM inode
		WHERE state = 4 AND ino > ?1 AND ino IN (SELECT ino FROM failure WHERE gone = 1 AND ino > ?1)
		ORDER BY ino LIMIT ?2`, after, limit)
}

// Entries returns up to limit inodes that a directory has names of.
func (j *Journal) Entries(ctx context.Context, dir Ino, limit int) ([]Inode, error) {
	return j.inodes(ctx, `SELECT `+inodeColumns+` FROM inode
		WHERE ino IN (SELECT ino FROM dirent WHERE parent = ? LIMIT ?)`, dir, limit)
}

// Known reports whether an inode is in the journal still.
func (j *Journal) Known(ctx context.Context, ino Ino) (known bool, err error) {
	row := j.row(ctx, `SELECT EXISTS (SELECT 1 FROM inode WHERE ino = ?)`, ino)
	if err := row.Scan(&known); err != nil {
		return false, fmt.Errorf("look for inode %d: %w", ino, classify(err))
	}
	return known, nil
}

// Forget removes an inode, and all its names, from the journal: their directories
// are listed again, and what they hold now takes its place. Its blobs, and the
// entries of a directory, must be gone before. Nothing is done for one that is not
// there any more.
func (j *Journal) Forget(ctx context.Context, in Inode) error {
	err := j.write(ctx, durable, func(t *tx) error { return t.forget(&in) })
	if err != nil {
		return fmt.Errorf("forget inode %d: %w", in.Ino, err)
	}
	return nil
}

func (t *tx) forget(in *Inode) error {
	known, err := changed(t.stmts.dropInode.Exec(in.Ino))
	if err != nil || !known {
		return err // it went with its directory
	}
	if err := t.relistParents(in); err != nil {
		return err
	}
	if err := t.dropNames(in); err != nil {
		return err
	}
	if in.State == Done {
		t.undone(&in.Attr)
	}
	t.ledger.FoundInodes--
	t.ledger.FoundBytes -= contentBytes(&in.Attr)
	return nil
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
