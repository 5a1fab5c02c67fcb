package scan

import (
	"context"
	"fmt"

	"clfsload/clfs"
	"clfsload/state/contents"
	"clfsload/state/schema"
	"clfsload/state/store"
)

var parentsOfStmt = store.NewStatement(`SELECT ?2 UNION SELECT parent FROM dirent WHERE shared = 1 AND ino = ?1`)

// RetryFailures puts every failed entry back into the queue it came from and
// forgets the failure. An entry without an inode is found again by listing its
// directory once more.
func (j Recorder) RetryFailures(ctx context.Context) error {
	err := store.ChangePages(ctx, j.Store, store.Durable, func(failureRow) ([]failureRow, error) {
		return j.failures(ctx, 0, nil, failurePage)
	}, func(t *store.Tx, f *failureRow) error {
		t.Queued = true
		return retry(t, f)
	})
	if err != nil {
		return fmt.Errorf("queue failed entries again: %w", err)
	}
	return nil
}

func retry(t *store.Tx, f *failureRow) error {
	if err := clearFailure(t, f.parent, f.name); err != nil {
		return err
	}
	if f.ino == nil {
		return rescan(t, f.parent)
	}
	n, err := t.Node(*f.ino)
	if err != nil || n.State == schema.Removed {
		return err
	}
	if err := reopenDirectories(t, n); err != nil {
		return err
	}
	if n.IsDirectory() {
		if err := rescan(t, n.Ino); err != nil {
			return err
		}
		if n, err = t.Node(n.Ino); err != nil {
			return err
		}
	}
	if n.State != schema.Failed {
		return nil
	}
	before := *n
	n.State = schema.Queued
	switch {
	case n.IsDirectory():
		n.State = schema.Held
	case n.Attr.Type == clfs.TypeRegular:
		n.Reserved = max(n.Reserved, min(schema.Blocks(n.Attr.Size), contents.SettledPeak))
	}
	if !n.IsDirectory() {
		n.Flags |= schema.Begun
	}
	return t.Save(&before, n)
}

// rescan has a directory listed again.
func rescan(t *store.Tx, dir schema.Ino) error {
	if _, err := addUnscannedStmt.Exec(t, dir); err != nil {
		return err
	}
	n, err := t.Node(dir)
	if err != nil || t.IsExisting(n) { // what is added to it has it put again
		return err
	}
	return reopen(t, dir)
}

// reopenDirectories has the directories put again that have names of a node: they may be in the
// container without it, or with it.
func reopenDirectories(t *store.Tx, n *schema.Node) error {
	rows, err := parentsOfStmt.Query(t, n.Ino, n.Parent)
	parents, err := schema.ScanAll(rows, err, store.ScanIno)
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
func reopen(t *store.Tx, dir schema.Ino) error {
	n, err := t.Node(dir)
	if err != nil || n.State != schema.Done {
		return err
	}
	before := *n
	n.Flags |= schema.Grown
	t.Touch(n)
	return t.Save(&before, n)
}
