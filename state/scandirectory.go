package state

import (
	"context"
	"fmt"
)

var (
	addUnscannedStmt  = newStatement(`INSERT OR IGNORE INTO unscanned (dir) VALUES (?)`)
	dropUnscannedStmt = newStatement(`DELETE FROM unscanned WHERE dir = ?`)
)

// UnscannedDirectories returns up to limit directories whose entries in the source are not all
// known, the deepest-found first, so that few of them are open at a time.
func (j Recorder) UnscannedDirectories(ctx context.Context, limit int) ([]Inode, error) {
	return j.inodes(ctx, `SELECT `+inodeColumns+` FROM inode WHERE ino IN
		(SELECT dir FROM unscanned ORDER BY dir DESC LIMIT ?) ORDER BY ino DESC`, limit)
}

// Listed reports whether the entries of all directories are known.
func (j Recorder) Listed(ctx context.Context) (listed bool, err error) {
	row := j.row(ctx, `SELECT NOT EXISTS (SELECT 1 FROM unscanned)`)
	if err := row.Scan(&listed); err != nil {
		return false, fmt.Errorf("look for directories that are not listed: %w", classify(err))
	}
	return listed, nil
}

// RenewDirectory records other attributes of a directory that is not scanned yet.
func (j Recorder) RenewDirectory(ctx context.Context, dir Inode, a Attr) error {
	err := j.write(ctx, durable, func(t *tx) error {
		n, err := t.node(dir.Ino)
		if err != nil {
			return err
		}
		return renewDirectory(t, n, &a)
	})
	if err != nil {
		return fmt.Errorf("record attributes of directory %d: %w", dir.Ino, err)
	}
	return nil
}

func renewDirectory(t *tx, n *Node, a *Attr) error {
	if n.Attr.SameContents(*a) {
		return nil
	}
	before := *n
	if err := setSource(t, n, a); err != nil {
		return err
	}
	if n.PutPub != 0 {
		t.touch(n)
	}
	return t.save(&before, n)
}

// FailDirectory records that a directory could not be listed to its end.
func (j Recorder) FailDirectory(ctx context.Context, dir Inode, p Problem) error {
	return j.write(ctx, durable, func(t *tx) error {
		n, err := t.node(dir.Ino)
		if err != nil {
			return err
		}
		if t.isExisting(n) { // it stays what it is
			if _, err := dropUnscannedStmt.Exec(t, n.Ino); err != nil {
				return err
			}
			return setFailure(t, n.Parent, n.Name, nil, p)
		}
		return fail(t, n, p)
	})
}

// MergeDirectory compares the attributes of a directory with those that it has in the source when
// it is listed. Errors: *Unread, ErrUnfaithful.
func (j Recorder) MergeDirectory(ctx context.Context, dir Ino, a Attr) (m Merged, err error) {
	err = j.write(ctx, committed, func(t *tx) error {
		m, err = mergeDirectory(t, dir, &a)
		return err
	})
	if err != nil {
		return Merged{}, fmt.Errorf("merge attributes of directory %d: %w", dir, err)
	}
	return m, nil
}

func mergeDirectory(t *tx, dir Ino, a *Attr) (Merged, error) {
	n, err := t.node(dir)
	if err != nil {
		return Merged{}, err
	}
	if !t.isExisting(n) {
		return Merged{Outcome: Added}, renewDirectory(t, n, a)
	}
	if err := n.checkRead(); err != nil {
		return Merged{}, err
	}
	merge := &t.settings.Merge
	d := differs(n, &Entry{Attr: *a}, merge.Compare)
	if d == 0 || !merge.takesTimes() {
		return Merged{}, nil
	}
	return Merged{Outcome: Changed, Difference: d}, takeAttributes(t, n, a)
}

// EndScan notes that all entries of a directory are merged.
func (j Recorder) EndScan(ctx context.Context, dir Ino) error {
	err := j.write(ctx, committed, func(t *tx) error {
		_, err := dropUnscannedStmt.Exec(t, dir)
		return err
	})
	if err != nil {
		return fmt.Errorf("end the scan of directory %d: %w", dir, err)
	}
	return nil
}
