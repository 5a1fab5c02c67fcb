package scan

import (
	"context"
	"fmt"

	"clfsload/state/schema"
	"clfsload/state/store"
)

var (
	setFailureStmt   = store.NewStatement(`INSERT OR REPLACE INTO failure (parent, name, ino, op, reason, gone) VALUES (?, ?, ?, ?, ?, ?)`)
	clearFailureStmt = store.NewStatement(`DELETE FROM failure WHERE parent = ? AND name = ?`)
)

// FailedEntry is an entry that could not be listed or transferred.
type FailedEntry struct {
	Path string // below the source
	Failure
}

// fail takes a node out of its queue until RetryFailures.
func fail(t *store.Tx, n *schema.Node, p Failure) error {
	if _, err := dropUnscannedStmt.Exec(t, n.Ino); err != nil {
		return err
	}
	if n.State != schema.Removed && n.State != schema.Failed {
		before := *n
		n.State = schema.Failed
		if err := t.Save(&before, n); err != nil {
			return err
		}
	}
	return setFailure(t, n.Parent, n.Name, n.Ino, p)
}

func setFailure(t *store.Tx, parent schema.Ino, name []byte, ino any, p Failure) error {
	if err := clearFailure(t, parent, name); err != nil {
		return err
	}
	t.Ledger.Failures++
	_, err := setFailureStmt.Exec(t, parent, name, ino, p.Op, p.Reason, p.Gone)
	return err
}

func clearFailure(t *store.Tx, parent schema.Ino, name []byte) error {
	known, err := store.Changed(clearFailureStmt.Exec(t, parent, name))
	if known {
		t.Ledger.Failures--
	}
	return err
}

// FailedUpload is a node that could not be uploaded.
type FailedUpload struct {
	Node schema.Node // as it was taken
	Failure
}

// RecordFailures takes nodes out of the queue. One that was changed since it was taken stays.
func (j Recorder) RecordFailures(ctx context.Context, list []FailedUpload) error {
	err := j.Write(ctx, store.Committed, func(t *store.Tx) error {
		for i := range list {
			n, err := t.Node(list[i].Node.Ino)
			if err != nil {
				return err
			}
			if n.Seq != list[i].Node.Seq || n.State != schema.Queued {
				continue
			}
			if err := fail(t, n, list[i].Failure); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("record %d failures: %w", len(list), err)
	}
	return nil
}

// failurePage is how many failures are read or changed at a time.
const failurePage = 1000

// EachFailure calls fn for every failed entry, in pages, until fn returns an
// error.
func (j Recorder) EachFailure(ctx context.Context, fn func(FailedEntry) error) error {
	return store.EachPage(func(last failureRow) ([]failureRow, error) {
		return j.failures(ctx, last.parent, last.name, failurePage)
	}, func(page []failureRow) error {
		for _, f := range page {
			dir, err := j.DirectoryPath(ctx, f.parent)
			if err != nil {
				return err
			}
			if err := fn(FailedEntry{Path: j.Settings.SourcePath(store.Join(dir, f.name)), Failure: f.Failure}); err != nil {
				return err
			}
		}
		return nil
	})
}

type failureRow struct {
	parent schema.Ino
	name   []byte
	ino    *schema.Ino // nil: the entry has no inode
	Failure
}

func (j Recorder) failures(ctx context.Context, parent schema.Ino, name []byte, limit int) ([]failureRow, error) {
	list, err := store.QueryAll(ctx, j.Read, scanFailure, `SELECT parent, name, ino, op, reason FROM failure
		WHERE (parent, name) > (?, ?) ORDER BY parent, name LIMIT ?`, parent, store.NotNil(name), limit)
	if err != nil {
		return nil, fmt.Errorf("list failures: %w", store.Classify(err))
	}
	return list, nil
}

func scanFailure(row schema.Scanner) (f failureRow, err error) {
	err = row.Scan(&f.parent, &f.name, &f.ino, &f.Op, &f.Reason)
	return f, err
}
