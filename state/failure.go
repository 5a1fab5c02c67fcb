package state

import (
	"context"
	"fmt"
)

var (
	setFailureStmt   = newStatement(`INSERT OR REPLACE INTO failure (parent, name, ino, op, reason, gone) VALUES (?, ?, ?, ?, ?, ?)`)
	clearFailureStmt = newStatement(`DELETE FROM failure WHERE parent = ? AND name = ?`)
)

// Failure is an entry that could not be listed or transferred.
type Failure struct {
	Path string // below the source
	Problem
}

// fail takes a node out of its queue until RetryFailures.
func fail(t *tx, n *Node, p Problem) error {
	if _, err := dropUnscannedStmt.Exec(t, n.Ino); err != nil {
		return err
	}
	if n.State != Removed && n.State != Failed {
		before := *n
		n.State = Failed
		if err := t.save(&before, n); err != nil {
			return err
		}
	}
	return setFailure(t, n.Parent, n.Name, n.Ino, p)
}

func setFailure(t *tx, parent Ino, name []byte, ino any, p Problem) error {
	if err := clearFailure(t, parent, name); err != nil {
		return err
	}
	t.ledger.Failures++
	_, err := setFailureStmt.Exec(t, parent, name, ino, p.Op, p.Reason, p.Gone)
	return err
}

func clearFailure(t *tx, parent Ino, name []byte) error {
	known, err := changed(clearFailureStmt.Exec(t, parent, name))
	if known {
		t.ledger.Failures--
	}
	return err
}

// FailedUpload is a node that could not be uploaded.
type FailedUpload struct {
	Node Node // as it was taken
	Problem
}

// RecordFailures takes nodes out of the queue. One that was changed since it was taken stays.
func (j Recorder) RecordFailures(ctx context.Context, list []FailedUpload) error {
	err := j.write(ctx, committed, func(t *tx) error {
		for i := range list {
			n, err := t.node(list[i].Node.Ino)
			if err != nil {
				return err
			}
			if n.Seq != list[i].Node.Seq || n.State != Queued {
				continue
			}
			if err := fail(t, n, list[i].Problem); err != nil {
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
func (j Recorder) EachFailure(ctx context.Context, fn func(Failure) error) error {
	return eachPage(func(last failureRow) ([]failureRow, error) {
		return j.failures(ctx, last.parent, last.name, failurePage)
	}, func(page []failureRow) error {
		for _, f := range page {
			dir, err := j.directoryPath(ctx, f.parent)
			if err != nil {
				return err
			}
			if err := fn(Failure{Path: j.Settings.SourcePath(join(dir, f.name)), Problem: f.Problem}); err != nil {
				return err
			}
		}
		return nil
	})
}

type failureRow struct {
	parent Ino
	name   []byte
	ino    *Ino // nil: the entry has no inode
	Problem
}

func (j Recorder) failures(ctx context.Context, parent Ino, name []byte, limit int) ([]failureRow, error) {
	list, err := queryAll(ctx, j.read, scanFailure, `SELECT parent, name, ino, op, reason FROM failure
		WHERE (parent, name) > (?, ?) ORDER BY parent, name LIMIT ?`, parent, notNil(name), limit)
	if err != nil {
		return nil, fmt.Errorf("list failures: %w", classify(err))
	}
	return list, nil
}

func scanFailure(row scanner) (f failureRow, err error) {
	err = row.Scan(&f.parent, &f.name, &f.ino, &f.Op, &f.Reason)
	return f, err
}
