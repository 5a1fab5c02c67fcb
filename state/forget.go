package state

import (
	"context"
	"fmt"

	"clfsload/clfs"
)

var (
	clearFailuresStmt = newStatement(`DELETE FROM failure WHERE parent = ?`)
	replacedByStmt    = newStatement(`SELECT ino FROM tombstone WHERE dir = ? AND name = ? AND successor = ? ORDER BY seq DESC LIMIT 1`)
	dropTombstoneStmt = newStatement(`DELETE FROM tombstone WHERE dir = ? AND name = ? AND ino = ?`)
)

// Vanished returns up to limit inodes that failed because their source is not there any more,
// in order of their numbers, all above after.
func (j Recorder) Vanished(ctx context.Context, after Ino, limit int) ([]Inode, error) {
	return j.inodes(ctx, `SELECT `+inodeColumns+` FROM inode WHERE state <> ?1 AND ino IN
		(SELECT ino FROM failure WHERE ino > ?2 AND gone = 1 ORDER BY ino LIMIT ?3) ORDER BY ino`, Removed, after, limit)
}

// Forget takes all names of a failed inode away, with all that is below it: the directories that
// had them are listed again, and what they hold now takes its place. Its blobs are deleted with
// those of other removed inodes.
func (j Recorder) Forget(ctx context.Context, in Inode) error {
	err := j.forgetBelow(ctx, in.Ino)
	if err == nil {
		err = j.write(ctx, durable, func(t *tx) error {
			n, err := t.node(in.Ino)
			switch {
			case err != nil, n.State == Removed:
				return err
			case t.isExisting(n): // the container has it: what has failed was to change it
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
func (j Recorder) forgetBelow(ctx context.Context, dir Ino) error {
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
	dir   Ino
	after []byte
}

// nextDirectory returns the next directory that is an entry of a directory; 0: there is none.
func (j Recorder) nextDirectory(ctx context.Context, p *place) (ino Ino, err error) {
	row := j.row(ctx, `SELECT i.ino, d.name FROM dirent d CROSS JOIN inode i ON i.ino = d.ino
		WHERE d.parent = ? AND d.name > ? AND i.type = ? ORDER BY d.name LIMIT 1`, p.dir, p.after, clfs.TypeDirectory)
	if err := row.Scan(&ino, &p.after); err != nil && !noRows(err) {
		return 0, classify(err)
	}
	return ino, nil
}

func (j Recorder) forgetDirectory(ctx context.Context, dir Ino) error {
	return j.write(ctx, durable, func(t *tx) error {
		n, err := t.node(dir)
		if err != nil {
			return err
		}
		return forget(t, n)
	})
}

// forgetEntries takes away all names in a directory that has no directories, with the inodes that
// the load has made.
func (j Recorder) forgetEntries(ctx context.Context, dir Ino) error {
	return changePages(ctx, j.Store, durable, func([]byte) ([][]byte, error) {
		page, err := queryAll(ctx, j.read, scanName, `SELECT name FROM dirent WHERE parent = ? LIMIT ?`, dir, forgetPage)
		if err != nil {
			return nil, classify(err)
		}
		return page, nil
	}, func(t *tx, name *[]byte) error { return forgetEntry(t, dir, *name) })
}

// forgetEntry takes a name away, and the others of its inode too unless that was there before.
func forgetEntry(t *tx, dir Ino, name []byte) error {
	n, _, err := findNode(t, dir, name)
	switch {
	case err == ErrNoEntry: // it went with another name
		return nil
	case err != nil:
		return err
	case t.isExisting(n):
		return forgetName(t, n, &removal{dir: dir, name: name, now: n.Attr.Ctime})
	}
	return forget(t, n)
}

// forget removes a node with all its names, whose directories are listed again.
func forget(t *tx, n *Node) error {
	t.queued = true
	for {
		r := removal{dir: n.Parent, name: n.Name, now: n.Attr.Ctime}
		if err := forgetName(t, n, &r); err != nil {
			return err
		}
		if n.State == Removed {
			break
		}
	}
	if _, err := dropLinkStmt.Exec(t, int64(n.Attr.Ino), n.Ino); err != nil {
		return err
	}
	if err := dropScan(t, n.Ino); err != nil {
		return err
	}
	t.ledger.FoundInodes--
	t.ledger.FoundBytes -= contentBytes(&n.Attr)
	return nil
}

// dropScan forgets that a directory is to be listed, and what failed of its entries without an inode.
func dropScan(t *tx, dir Ino) error {
	if _, err := dropUnscannedStmt.Exec(t, dir); err != nil {
		return err
	}
	failures, err := affected(clearFailuresStmt.Exec(t, dir))
	if err != nil {
		return err
	}
	t.ledger.Failures -= failures
	return nil
}

// forgetName takes a name away. The times of its directory are those of the source.
func forgetName(t *tx, n *Node, r *removal) error {
	dir, err := t.node(r.dir)
	if err != nil {
		return err
	}
	before := *dir
	if err := dropEntry(t, r.dir, r.name); err != nil {
		return err
	}
	t.ledger.FoundEntries--
	if err := clearFailure(t, r.dir, r.name); err != nil {
		return err
	}
	if err := dropName(t, n, r, dir); err != nil {
		return err
	}
	if err := restore(t, dir, r.name, n.Ino); err != nil {
		return err
	}
	if _, err := addUnscannedStmt.Exec(t, r.dir); err != nil {
		return err
	}
	failed := dir.State == Failed
	t.touch(dir)
	if failed {
		dir.State = Failed
	}
	return t.save(&before, dir)
}

// restore gives a name back to the file that another one has replaced there, which is in reach
// still.
func restore(t *tx, dir *Node, name []byte, successor Ino) error {
	var old Ino
	err := replacedByStmt.QueryRow(t, dir.Ino, name, successor).Scan(&old)
	if noRows(err) {
		return nil
	}
	n, err := t.node(old)
	if err != nil {
		return err
	}
	before := *n
	wasRemoved := n.State == Removed
	if wasRemoved {
		n.Parent, n.Name, n.State = dir.Ino, name, Queued
	}
	n.setLinks(n.Links + 1)
	if err := insertEntry(t, dir.Ino, name, old, n.Links > 1); err != nil {
		return err
	}
	if n.Links > 1 {
		if err := shareEntry(t, n.Parent, n.Name); err != nil {
			return err
		}
	}
	if _, err := dropTombstoneStmt.Exec(t, dir.Ino, name, old); err != nil {
		return err
	}
	noteMoved(t, n)
	if wasRemoved {
		t.ledger.FoundInodes++
		t.ledger.FoundBytes += contentBytes(&n.Attr)
	}
	return t.save(&before, n)
}
