package scan

import (
	"context"
	"errors"
	"fmt"

	"clfsload/clfs"
	"clfsload/state/namespace"
	"clfsload/state/schema"
	"clfsload/state/store"
)

var (
	addExtraStmt  = store.NewStatement(`INSERT OR IGNORE INTO extra (dir, name) VALUES (?, ?)`)
	dropExtraStmt = store.NewStatement(`DELETE FROM extra WHERE dir = ? AND name = ?`)
)

// Extra is an entry of the namespace that the source of a load does not have.
type Extra struct {
	Dir  schema.Ino
	Name []byte
}

// MergeEntry is an entry of a directory that a load merges.
type MergeEntry struct {
	Name     []byte
	Type     clfs.Type
	Existing bool // it was there before the load
}

// EntriesOf returns up to limit entries of a directory in the order of their names, all after the
// name after.
func (j Recorder) EntriesOf(ctx context.Context, dir schema.Ino, after []byte, limit int) ([]MergeEntry, error) {
	list, err := store.QueryAll(ctx, j.Read, scanMergeEntry, `SELECT d.name, i.type, i.ino < ?1 OR i.flags & {adopted} > 0
		FROM dirent d CROSS JOIN inode i ON i.ino = d.ino WHERE d.parent = ?2 AND d.name > ?3 ORDER BY d.name LIMIT ?4`,
		j.Settings.Merge.First, dir, store.NotNil(after), limit)
	if err != nil {
		return nil, fmt.Errorf("list directory %d: %w", dir, store.Classify(err))
	}
	return list, nil
}

func scanMergeEntry(row schema.Scanner) (e MergeEntry, err error) {
	err = row.Scan(&e.Name, &e.Type, &e.Existing)
	return e, err
}

// NoteExtras notes that the source does not have entries of a directory.
func (j Recorder) NoteExtras(ctx context.Context, dir schema.Ino, names [][]byte) error {
	err := j.Write(ctx, store.Committed, func(t *store.Tx) error {
		for _, name := range names {
			if _, err := addExtraStmt.Exec(t, dir, name); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("note %d entries of directory %d: %w", len(names), dir, err)
	}
	return nil
}

// Extras returns up to limit entries that were noted as extras.
func (j Recorder) Extras(ctx context.Context, limit int) ([]Extra, error) {
	list, err := store.QueryAll(ctx, j.Read, func(row schema.Scanner) (x Extra, err error) {
		err = row.Scan(&x.Dir, &x.Name)
		return x, err
	}, `SELECT dir, name FROM extra ORDER BY dir, name LIMIT ?`, limit)
	if err != nil {
		return nil, fmt.Errorf("list entries that the source does not have: %w", store.Classify(err))
	}
	return list, nil
}

// DropExtras notes that extras are dealt with.
func (j Recorder) DropExtras(ctx context.Context, list []Extra) error {
	err := j.Write(ctx, store.Committed, func(t *store.Tx) error {
		for _, x := range list {
			if _, err := dropExtraStmt.Exec(t, x.Dir, x.Name); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("forget %d entries that the source does not have: %w", len(list), err)
	}
	return nil
}

// RemoveEntries removes names from their directories, in one transaction: that of a directory if it is
// empty. It ends with the first that is refused, and returns how many are removed. inSource: the source
// has the directories that lose the names, which keep their times if they are those of the source.
// Errors: ErrNoEntry, ErrNotEmpty, ErrUnfaithful, *Unread.
func (j Recorder) RemoveEntries(ctx context.Context, list []Extra, inSource bool, now int64) (removed int, err error) {
	var refused schema.Refusal
	err = j.Write(ctx, store.Committed, func(t *store.Tx) error {
		removed, refused = 0, nil
		keep := inSource && t.Settings.Merge.TakesTimes()
		for _, x := range list {
			err := removeEntry(t, x, keep, now)
			if errors.As(err, &refused) {
				return nil
			}
			if err != nil {
				return err
			}
			removed++
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("remove entries: %w", err)
	}
	if refused != nil {
		return removed, fmt.Errorf("remove entries: %w", refused)
	}
	return removed, nil
}

func removeEntry(t *store.Tx, x Extra, keepTimes bool, now int64) error {
	n, _, err := namespace.FindNode(t, x.Dir, x.Name)
	if err != nil {
		return err
	}
	gone, err := namespace.Unlink(t, &namespace.Removal{Dir: x.Dir, Name: x.Name, Now: now, Directory: n.IsDirectory(), KeepTimes: keepTimes})
	if err != nil {
		return err
	}
	return unfind(t, x, &gone)
}

// unfind forgets what the scan has noted of an entry that is removed, of which n is left.
func unfind(t *store.Tx, x Extra, n *schema.Node) error {
	if err := clearFailure(t, x.Dir, x.Name); err != nil {
		return err
	}
	if n.IsDirectory() {
		if err := dropScan(t, n.Ino); err != nil {
			return err
		}
	}
	if t.IsExisting(n) {
		return nil
	}
	t.Ledger.FoundEntries--
	if n.State == schema.Removed {
		t.Ledger.FoundInodes--
		t.Ledger.FoundBytes -= schema.ContentBytes(&n.Attr)
	}
	return nil
}

// FailExtra notes that an entry cannot be removed.
func (j Recorder) FailExtra(ctx context.Context, x Extra, p Failure) error {
	err := j.Write(ctx, store.Committed, func(t *store.Tx) error { return setFailure(t, x.Dir, x.Name, nil, p) })
	if err != nil {
		return fmt.Errorf("record a failure in directory %d: %w", x.Dir, err)
	}
	return nil
}

// ScanFailed reports whether there are entries of the source of which it is not known what they
// are, or what is below them.
func (j Recorder) ScanFailed(ctx context.Context) (failed bool, err error) {
	row := j.Row(ctx, `SELECT EXISTS (SELECT 1 FROM failure f LEFT JOIN inode i ON i.ino = f.ino
		WHERE (f.ino IS NULL OR i.type = ?) AND f.op <> ?)`, clfs.TypeDirectory, opMerge)
	if err := row.Scan(&failed); err != nil {
		return false, fmt.Errorf("look for failures of the scan: %w", store.Classify(err))
	}
	return failed, nil
}
