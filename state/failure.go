package state

import (
	"context"
	"fmt"

	"clfsload/clfs"
)

var (
	setFailureStmt   = newStatement(`INSERT OR REPLACE INTO failure (parent, name, ino, op, reason, gone) VALUES (?, ?, ?, ?, ?, ?)`)
	clearFailureStmt = newStatement(`DELETE FROM failure WHERE parent = ? AND name = ?`)
	parentsOfStmt    = newStatement(`SELECT ?2 UNION SELECT parent FROM dirent WHERE shared = 1 AND ino = ?1`)
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
func (j *Journal) RecordFailures(ctx context.Context, list []FailedUpload) error {
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

// RetryFailures puts every failed entry back into the queue it came from and
// forgets the failure. An entry without an inode is found again by listing its
// directory once more.
func (j *Journal) RetryFailures(ctx context.Context) error {
	for {
		list, err := j.failures(ctx, 0, nil, failurePage)
		if err != nil || len(list) == 0 {
			return err
		}
		err = j.write(ctx, durable, func(t *tx) error {
			t.queued = true
			for i := range list {
				if err := retry(t, &list[i]); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("queue failed entries again: %w", err)
		}
	}
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

// EachFailure calls fn for every failed entry, in pages, until fn returns an
// error.
func (j *Journal) EachFailure(ctx context.Context, fn func(Failure) error) error {
	parent, name := Ino(0), []byte{}
	for {
		list, err := j.failures(ctx, parent, name, failurePage)
		if err != nil {
			return err
		}
		for _, f := range list {
			dir, err := j.directoryPath(ctx, f.parent)
			if err != nil {
				return err
			}
			if err := fn(Failure{Path: j.Settings.SourcePath(join(dir, f.name)), Problem: f.Problem}); err != nil {
				return err
			}
		}
		if len(list) < failurePage {
			return nil
		}
		parent, name = list[len(list)-1].parent, list[len(list)-1].name
	}
}

type failureRow struct {
	parent Ino
	name   []byte
	ino    *Ino // nil: the entry has no inode
	Problem
}

func (j *Journal) failures(ctx context.Context, parent Ino, name []byte, limit int) ([]failureRow, error) {
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

// LeaveOut makes ready for a publication without what failed: the blobs that it may have in the
// container become garbage, and directories that could be listed in part are published so. All
// stay failures.
func (j *Journal) LeaveOut(ctx context.Context) error {
	for after := Ino(0); ; {
		list, err := j.nodes(ctx, `SELECT `+nodeColumnsOf+` FROM failure f CROSS JOIN inode i ON i.ino = f.ino
			WHERE f.ino > ? AND i.state = ? ORDER BY f.ino LIMIT ?`, after, Failed, failurePage)
		if err != nil || len(list) == 0 {
			return err
		}
		err = j.write(ctx, durable, func(t *tx) error {
			for i := range list {
				if err := leaveOut(t, &list[i]); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("leave out failed entries: %w", err)
		}
		after = list[len(list)-1].Ino
	}
}

func leaveOut(t *tx, n *Node) error {
	before := *n
	if n.IsDirectory() {
		var one int
		err := anyEntryStmt.QueryRow(t, n.Ino).Scan(&one)
		if err == nil {
			n.State = Held
			return t.save(&before, n)
		}
		if !noRows(err) {
			return err
		}
	}
	if err := discard(t, n); err != nil {
		return err
	}
	return t.save(&before, n)
}

// discard makes garbage of all that a node may have in the container, and has the directories put
// again that may list it. What is put for it later has other names.
func discard(t *tx, n *Node) error {
	if n.PutPub != 0 {
		if err := reopenDirectories(t, n); err != nil {
			return err
		}
	}
	if err := abandon(t, n); err != nil {
		return err
	}
	if n.PutVersion != 0 {
		if err := discardVersion(t, n); err != nil {
			return err
		}
	}
	var rows []Block
	if n.Sealed > 0 { // otherwise all are below the peak
		var err error
		if rows, err = blocksFrom(t, n.Ino, 0); err != nil {
			return err
		}
	}
	for _, b := range rows {
		if n.mayBeUp(&b) {
			if err := discardSegment(t, n, b.Index, b.Gen, atOnce); err != nil {
				return err
			}
		}
	}
	if _, err := dropBlocksStmt.Exec(t, n.Ino, 0, noBlockState); err != nil {
		return err
	}
	standing, gen := n.derived()
	for from, to := range gaps(rows, 1, standing) {
		if err := discardSegments(t, n, from, to, gen, atOnce); err != nil {
			return err
		}
	}
	if err := discardSegments(t, n, 1, n.Peak, n.Next, atOnce); err != nil {
		return err
	}
	for _, m := range []struct{ gen, blocks uint64 }{{n.sealGen(), n.Mapped}, {n.Next, n.Peak}} {
		if err := discardIndirect(t, n, m.gen, m.blocks, nothingKept, atOnce); err != nil {
			return err
		}
	}
	n.Seq = t.nextSeq()
	n.Next++
	n.PutVersion, n.PutPub, n.PutGen, n.Gen, n.Sealed, n.Mapped, n.Peak = 0, 0, 0, 0, 0, 0, 0
	if n.Attr.Type == clfs.TypeRegular {
		n.Flags |= Content
	}
	return nil
}
