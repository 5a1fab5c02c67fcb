package state

import (
	"context"
	"fmt"

	"clfsload/clfs"
)

var parentsOfStmt = newStatement(`SELECT ?2 UNION SELECT parent FROM dirent WHERE shared = 1 AND ino = ?1`)

// RetryFailures puts every failed entry back into the queue it came from and
// forgets the failure. An entry without an inode is found again by listing its
// directory once more.
func (j Recorder) RetryFailures(ctx context.Context) error {
	err := changePages(ctx, j.Store, durable, func(failureRow) ([]failureRow, error) {
		return j.failures(ctx, 0, nil, failurePage)
	}, func(t *tx, f *failureRow) error {
		t.queued = true
		return retry(t, f)
	})
	if err != nil {
		return fmt.Errorf("queue failed entries again: %w", err)
	}
	return nil
}

func retry(t *tx, f *failureRow) error {
	if err := clearFailure(t, f.parent, f.name); err != nil {
		return err
	}
	if f.ino == nil {
		return rescan(t, f.parent)
	}
	n, err := t.node(*f.ino)
	if err != nil || n.State == Removed {
		return err
	}
	if err := reopenDirectories(t, n); err != nil {
		return err
	}
	if n.IsDirectory() {
		if err := rescan(t, n.Ino); err != nil {
			return err
		}
		if n, err = t.node(n.Ino); err != nil {
			return err
		}
	}
	if n.State != Failed {
		return nil
	}
	before := *n
	n.State = Queued
	switch {
	case n.IsDirectory():
		n.State = Held
	case n.Attr.Type == clfs.TypeRegular:
		n.Peak = max(n.Peak, min(Blocks(n.Attr.Size), settledPeak))
	}
	if !n.IsDirectory() {
		n.Flags |= Begun
	}
	return t.save(&before, n)
}

// rescan has a directory listed again.
func rescan(t *tx, dir Ino) error {
	if _, err := addUnscannedStmt.Exec(t, dir); err != nil {
		return err
	}
	n, err := t.node(dir)
	if err != nil || t.isExisting(n) { // what is added to it has it put again
		return err
	}
	return reopen(t, dir)
}

// reopenDirectories has the directories put again that have names of a node: they may be in the
// container without it, or with it.
func reopenDirectories(t *tx, n *Node) error {
	rows, err := parentsOfStmt.Query(t, n.Ino, n.Parent)
	parents, err := scanAll(rows, err, scanIno)
	if err != nil {
		return err
	}
	for _, dir := range parents {
		if err := reopen(t, dir); err != nil {
			return err
		}
	}
	return nil
}

// reopen has a directory put again if it was put.
func reopen(t *tx, dir Ino) error {
	n, err := t.node(dir)
	if err != nil || n.State != Done {
		return err
	}
	before := *n
	n.Flags |= Grown
	t.touch(n)
	return t.save(&before, n)
}
