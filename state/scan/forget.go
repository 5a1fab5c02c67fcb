package scan

import (
	"context"
	"fmt"

	"clfsload/clfs"
	"clfsload/state/garbage"
	"clfsload/state/namespace"
	"clfsload/state/schema"
	"clfsload/state/store"
)

var (
	clearFailuresStmt = store.NewStatement(`DELETE FROM failure WHERE parent = ?`)
	replacedByStmt    = store.NewStatement(`SELECT ino FROM tombstone WHERE dir = ? AND name = ? AND successor = ? ORDER BY seq DESC LIMIT 1`)
	dropTombstoneStmt = store.NewStatement(`DELETE FROM tombstone WHERE dir = ? AND name = ? AND ino = ?`)
)

// Vanished returns up to limit inodes that failed because their source is not there any more,
// in order of their numbers, all above after.
func (j Recorder) Vanished(ctx context.Context, after schema.Ino, limit int) ([]schema.Inode, error) {
	return j.Inodes(ctx, `SELECT `+schema.InodeColumns+` FROM inode WHERE state <> ?1 AND ino IN
		(SELECT ino FROM failure WHERE ino > ?2 AND gone = 1 ORDER BY ino LIMIT ?3) ORDER BY ino`, schema.Removed, after, limit)
}

// Forget takes all names of a failed inode away, with all that is below it: the directories that
// had them are listed again, and what they hold now takes its place. Its blobs are deleted with
// those of other removed inodes.
func (j Recorder) Forget(ctx context.Context, in schema.Inode) error {
	err := j.forgetBelow(ctx, in.Ino)
	if err == nil {
		err = j.Write(ctx, store.Durable, func(t *store.Tx) error {
			n, err := t.Node(in.Ino)
			switch {
			case err != nil, n.State == schema.Removed:
				return err
			case t.IsExisting(n): // the container has it: what has failed was to change it
				return retry(t, &failureRow{parent: n.Parent, name: n.Name, ino: &n.Ino})
			}
			return forget(t, n)
		})
	}
	if err != nil {
		return fmt.Errorf("forget inode %d: %w", in.Ino, err)
	}
	return nil
}

// forgetPage is how many names are taken away in one transaction.
const forgetPage = 1000

// forgetBelow empties a directory, and those below it. Of something else nothing is below.
func (j Recorder) forgetBelow(ctx context.Context, dir schema.Ino) error {
	for path := []place{{dir: dir, after: []byte{}}}; len(path) > 0; {
		below := &path[len(path)-1]
		directory, err := j.nextDirectory(ctx, below)
		if err != nil {
			return err
		}
		if directory != 0 {
			path = append(path, place{dir: directory, after: []byte{}})
			continue
		}
		if err := j.forgetEntries(ctx, below.dir); err != nil {
			return err
		}
		if len(path) > 1 {
			if err := j.forgetDirectory(ctx, below.dir); err != nil {
				return err
			}
		}
		path = path[:len(path)-1]
	}
	return nil
}

// place is how far a directory was gone through.
type place struct {
	dir   schema.Ino
	after []byte
}

// nextDirectory returns the next directory that is an entry of a directory; 0: there is none.
func (j Recorder) nextDirectory(ctx context.Context, p *place) (ino schema.Ino, err error) {
	row := j.Row(ctx, `SELECT i.ino, d.name FROM dirent d CROSS JOIN inode i ON i.ino = d.ino
		WHERE d.parent = ? AND d.name > ? AND i.type = ? ORDER BY d.name LIMIT 1`, p.dir, p.after, clfs.TypeDirectory)
	if err := row.Scan(&ino, &p.after); err != nil && !store.NoRows(err) {
		return 0, store.Classify(err)
	}
	return ino, nil
}

func (j Recorder) forgetDirectory(ctx context.Context, dir schema.Ino) error {
	return j.Write(ctx, store.Durable, func(t *store.Tx) error {
		n, err := t.Node(dir)
		if err != nil {
			return err
		}
		return forget(t, n)
	})
}

// forgetEntries takes away all names in a directory that has no directories, with the inodes that
// the load has made.
func (j Recorder) forgetEntries(ctx context.Context, dir schema.Ino) error {
	return store.ChangePages(ctx, j.Store, store.Durable, func([]byte) ([][]byte, error) {
		page, err := store.QueryAll(ctx, j.Read, store.ScanName, `SELECT name FROM dirent WHERE parent = ? LIMIT ?`, dir, forgetPage)
		if err != nil {
			return nil, store.Classify(err)
		}
		return page, nil
	}, func(t *store.Tx, name *[]byte) error { return forgetEntry(t, dir, *name) })
}

// forgetEntry takes a name away, and the others of its inode too unless that was there before.
func forgetEntry(t *store.Tx, dir schema.Ino, name []byte) error {
	n, _, err := namespace.FindNode(t, dir, name)
	switch {
	case err == schema.ErrNoEntry: // it went with another name
		return nil
	case err != nil:
		return err
	case t.IsExisting(n):
		return forgetName(t, n, &namespace.Removal{Dir: dir, Name: name, Now: n.Attr.Ctime})
	}
	return forget(t, n)
}

// forget removes a node with all its names, whose directories are listed again.
func forget(t *store.Tx, n *schema.Node) error {
	t.Queued = true
	for {
		r := namespace.Removal{Dir: n.Parent, Name: n.Name, Now: n.Attr.Ctime}
		if err := forgetName(t, n, &r); err != nil {
			return err
		}
		if n.State == schema.Removed {
			break
		}
	}
	if _, err := dropLinkStmt.Exec(t, int64(n.Attr.Ino), n.Ino); err != nil {
		return err
	}
	if err := dropScan(t, n.Ino); err != nil {
		return err
	}
	t.Ledger.FoundInodes--
	t.Ledger.FoundBytes -= schema.ContentBytes(&n.Attr)
	return nil
}

// dropScan forgets that a directory is to be listed, and what failed of its entries without an inode.
func dropScan(t *store.Tx, dir schema.Ino) error {
	if _, err := dropUnscannedStmt.Exec(t, dir); err != nil {
		return err
	}
	failures, err := store.Affected(clearFailuresStmt.Exec(t, dir))
	if err != nil {
		return err
	}
	t.Ledger.Failures -= failures
	return nil
}

// forgetName takes a name away. The times of its directory are those of the source.
func forgetName(t *store.Tx, n *schema.Node, r *namespace.Removal) error {
	dir, err := t.Node(r.Dir)
	if err != nil {
		return err
	}
	before := *dir
	if err := namespace.DropEntry(t, r.Dir, r.Name); err != nil {
		return err
	}
	t.Ledger.FoundEntries--
	if err := clearFailure(t, r.Dir, r.Name); err != nil {
		return err
	}
	if err := namespace.DropName(t, n, r, dir); err != nil {
		return err
	}
	if err := restore(t, dir, r.Name, n.Ino); err != nil {
		return err
	}
	if _, err := addUnscannedStmt.Exec(t, r.Dir); err != nil {
		return err
	}
	failed := dir.State == schema.Failed
	t.Touch(dir)
	if failed {
		dir.State = schema.Failed
	}
	return t.Save(&before, dir)
}

// restore gives a name back to the file that another one has replaced there, which is in reach
// still.
func restore(t *store.Tx, dir *schema.Node, name []byte, successor schema.Ino) error {
	var old schema.Ino
	err := replacedByStmt.QueryRow(t, dir.Ino, name, successor).Scan(&old)
	if store.NoRows(err) {
		return nil
	}
	n, err := t.Node(old)
	if err != nil {
		return err
	}
	before := *n
	wasRemoved := n.State == schema.Removed
	if wasRemoved {
		n.Parent, n.Name, n.State = dir.Ino, name, schema.Queued
	}
	n.SetLinks(n.Links + 1)
	if err := namespace.InsertEntry(t, dir.Ino, name, old, n.Links > 1); err != nil {
		return err
	}
	if n.Links > 1 {
		if err := namespace.ShareEntry(t, n.Parent, n.Name); err != nil {
			return err
		}
	}
	if _, err := dropTombstoneStmt.Exec(t, dir.Ino, name, old); err != nil {
		return err
	}
	garbage.NoteMoved(t, n)
	if wasRemoved {
		t.Ledger.FoundInodes++
		t.Ledger.FoundBytes += schema.ContentBytes(&n.Attr)
	}
	return t.Save(&before, n)
}
