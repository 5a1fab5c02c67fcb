package state

import (
	"context"
	"database/sql"
	"fmt"
)

// Failure is an entry that could not be listed or transferred.
type Failure struct {
	Path string // below the root of the tree
	Problem
}

func (t *tx) failInode(in *Inode, p Problem) error {
	for _, from := range []State{Unscanned, Queued, Held} {
		if _, err := t.stmts.setState.Exec(in.Ino, Failed, from); err != nil {
			return err
		}
	}
	return t.setFailure(in.Parent, in.Name, in.Ino, p)
}

func (t *tx) setFailure(parent Ino, name []byte, ino any, p Problem) error {
	known, err := changed(t.stmts.clearFailure.Exec(parent, name))
	if err != nil {
		return err
	}
	if !known {
		t.ledger.Failures++
	}
	_, err = t.stmts.setFailure.Exec(parent, name, ino, p.Op, p.Reason, p.Gone)
	return err
}

// RetryFailures puts every failed entry back into the queue it came from and
// forgets the failure. An entry without an inode is found again by listing its
// directory once more. Directories that were written without such an entry, by a
// publication that did not come to its end, wait to be written again.
func (j *Journal) RetryFailures(ctx context.Context) error {
	err := j.write(ctx, durable, func(t *tx) error {
		s := t.stmts
		reopened, err := affected(s.reopenDirs.Exec())
		if err != nil {
			return err
		}
		t.ledger.DoneInodes -= reopened
		for _, q := range []*sql.Stmt{s.retryInodes, s.retryDirs, s.retryParents, s.clearFailures} {
			if _, err := q.Exec(); err != nil {
				return err
			}
		}
		t.ledger.Failures = 0
		t.queued = true
		return nil
	})
	if err != nil {
		return fmt.Errorf("queue failed entries again: %w", err)
	}
	return nil
}

// EachFailure calls fn for every failed entry, in pages, until fn returns an
// error.
func (j *Journal) EachFailure(ctx context.Context, fn func(Failure) error) error {
	const page = 1000
	parent, name := Ino(0), []byte{}
	for {
		list, err := j.failures(ctx, parent, name, page)
		if err != nil {
			return err
		}
		for _, f := range list {
			dir, err := j.directoryPath(ctx, f.parent)
			if err != nil {
				return err
			}
			if err := fn(Failure{Path: join(dir, f.name), Problem: f.Problem}); err != nil {
				return err
			}
		}
		if len(list) < page {
			return nil
		}
		parent, name = list[page-1].parent, list[page-1].name
	}
}

type failureRow struct {
	parent Ino
	name   []byte
	Problem
}

func (j *Journal) failures(ctx context.Context, parent Ino, name []byte, limit int) ([]failureRow, error) {
	list, err := queryAll(ctx, j.read, scanFailure, `SELECT parent, name, op, reason FROM failure
		WHERE (parent, name) > (?, ?) ORDER BY parent, name LIMIT ?`, parent, name, limit)
	if err != nil {
		return nil, fmt.Errorf("list failures: %w", classify(err))
	}
	return list, nil
}

func scanFailure(row scanner) (f failureRow, err error) {
	err = row.Scan(&f.parent, &f.name, &f.Op, &f.Reason)
	return f, err
}

// GivenUp returns up to limit inodes that failed, in order of their numbers, all
// above after.
func (j *Journal) GivenUp(ctx context.Context, after Ino, limit int) ([]Inode, error) {
	return j.inodes(ctx, `SELECT `+inodeColumns+` FROM inode
		WHERE state = 4 AND ino > ?1 AND ino IN (SELECT ino FROM failure WHERE ino > ?1)
		ORDER BY ino LIMIT ?2`, after, limit)
}

// KeepListed puts failed directories back into the queue of directories to be
// written that have entries nevertheless: those that could be listed in part.
// They stay failures.
func (j *Journal) KeepListed(ctx context.Context) error {
	err := j.write(ctx, durable, func(t *tx) error {
		_, err := t.stmts.keepListed.Exec()
		return err
	})
	if err != nil {
		return fmt.Errorf("keep directories that were listed in part: %w", err)
	}
	return nil
}
