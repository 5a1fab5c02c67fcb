package scan

import (
	"context"
	"fmt"

	"clfsload/state/schema"
	"clfsload/state/store"
)

var (
	addUnscannedStmt  = store.NewStatement(`INSERT OR IGNORE INTO unscanned (dir) VALUES (?)`)
	dropUnscannedStmt = store.NewStatement(`DELETE FROM unscanned WHERE dir = ?`)
)

// UnscannedDirectories returns up to limit directories whose entries in the source are not all
// known, the deepest-found first, so that few of them are open at a time.
func (j Recorder) UnscannedDirectories(ctx context.Context, limit int) ([]schema.Inode, error) {
	return j.Inodes(ctx, `SELECT `+schema.InodeColumns+` FROM inode WHERE ino IN
		(SELECT dir FROM unscanned ORDER BY dir DESC LIMIT ?) ORDER BY ino DESC`, limit)
}

// Listed reports whether the entries of all directories are known.
func (j Recorder) Listed(ctx context.Context) (listed bool, err error) {
	row := j.Row(ctx, `SELECT NOT EXISTS (SELECT 1 FROM unscanned)`)
	if err := row.Scan(&listed); err != nil {
		return false, fmt.Errorf("look for directories that are not listed: %w", store.Classify(err))
	}
	return listed, nil
}

// RenewDirectory records other attributes of a directory that is not scanned yet.
func (j Recorder) RenewDirectory(ctx context.Context, dir schema.Inode, a schema.Attr) error {
	err := j.Write(ctx, store.Durable, func(t *store.Tx) error {
		n, err := t.Node(dir.Ino)
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

func renewDirectory(t *store.Tx, n *schema.Node, a *schema.Attr) error {
	if n.Attr.SameContents(*a) {
		return nil
	}
	before := *n
	if err := setSource(t, n, a); err != nil {
		return err
	}
	if n.PutPub != 0 {
		t.Touch(n)
	}
	return t.Save(&before, n)
}

// FailDirectory records that a directory could not be listed to its end.
func (j Recorder) FailDirectory(ctx context.Context, dir schema.Inode, p Failure) error {
	return j.Write(ctx, store.Durable, func(t *store.Tx) error {
		n, err := t.Node(dir.Ino)
		if err != nil {
			return err
		}
		if t.IsExisting(n) { // it stays what it is
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
func (j Recorder) MergeDirectory(ctx context.Context, dir schema.Ino, a schema.Attr) (m Merged, err error) {
	err = j.Write(ctx, store.Committed, func(t *store.Tx) error {
		m, err = mergeDirectory(t, dir, &a)
		return err
	})
	if err != nil {
		return Merged{}, fmt.Errorf("merge attributes of directory %d: %w", dir, err)
	}
	return m, nil
}

func mergeDirectory(t *store.Tx, dir schema.Ino, a *schema.Attr) (Merged, error) {
	n, err := t.Node(dir)
	if err != nil {
		return Merged{}, err
	}
	if !t.IsExisting(n) {
		return Merged{Outcome: Added}, renewDirectory(t, n, a)
	}
	if err := n.CheckRead(); err != nil {
		return Merged{}, err
	}
	merge := &t.Settings.Merge
	d := differs(n, &Entry{Attr: *a}, merge.Compare)
	if d == 0 || !merge.TakesTimes() {
		return Merged{}, nil
	}
	return Merged{Outcome: Changed, Difference: d}, takeAttributes(t, n, a)
}

// EndScan notes that all entries of a directory are merged.
func (j Recorder) EndScan(ctx context.Context, dir schema.Ino) error {
	err := j.Write(ctx, store.Committed, func(t *store.Tx) error {
		_, err := dropUnscannedStmt.Exec(t, dir)
		return err
	})
	if err != nil {
		return fmt.Errorf("end the scan of directory %d: %w", dir, err)
	}
	return nil
}
