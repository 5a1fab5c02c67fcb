package state

import (
	"context"
	"fmt"

	"clfsload/clfs"
)

// Vanished returns up to limit inodes that failed because their source is not there any more,
// in order of their numbers, all above after.
func (j *Journal) Vanished(ctx context.Context, after Ino, limit int) ([]Inode, error) {
	return j.inodes(ctx, `SELECT `+inodeColumns+` FROM inode WHERE state <> ?1 AND ino IN
		(SELECT ino FROM failure WHERE ino > ?2 AND gone = 1 ORDER BY ino LIMIT ?3) ORDER BY ino`, Removed, after, limit)
}

// Forget takes all names of a failed inode away, with all that is below it: the directories that
// had them are listed again, and what they hold now takes its place. Its blobs are deleted with
// those of other removed inodes.
func (j *Journal) Forget(ctx context.Context, in Inode) error {
	err := j.forgetBelow(ctx, in.Ino)
	if err == nil {
		err = j.write(ctx, durable, func(t *tx) error {
			n, err := t.node(in.Ino)
			if err != nil || n.State == Removed {
				return err
			}
			return t.forget(n)
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
func (j *Journal) forgetBelow(ctx context.Context, dir Ino) error {
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
func (j *Journal) nextDirectory(ctx context.Context, p *place) (ino Ino, err error) {
	row := j.row(ctx, `SELECT i.ino, d.name FROM dirent d CROSS JOIN inode i ON i.ino = d.ino
		WHERE d.parent = ? AND d.name > ? AND i.type = ? ORDER BY d.name LIMIT 1`, p.dir, p.after, clfs.TypeDirectory)
	if err := row.Scan(&ino, &p.after); err != nil && !noRows(err) {
		return 0, classify(err)
	}
	return ino, nil
}

func (j *Journal) forgetDirectory(ctx context.Context, dir Ino) error {
	return j.write(ctx, durable, func(t *tx) error {
		n, err := t.node(dir)
		if err != nil {
			return err
		}
		return t.forget(n)
	})
}

// forgetEntries takes away all names in a directory that has no directories.
func (j *Journal) forgetEntries(ctx context.Context, dir Ino) error {
	for {
		list, err := queryAll(ctx, j.read, scanIno, `SELECT DISTINCT ino FROM (SELECT ino FROM dirent WHERE parent = ? LIMIT ?)`, dir, forgetPage)
		if err != nil {
			return classify(err)
		}
		if len(list) == 0 {
			return nil
		}
		err = j.write(ctx, durable, func(t *tx) error {
			for _, ino := range list {
				n, err := t.node(ino)
				if err != nil {
					return err
				}
				if err := t.forget(n); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
}

// forget removes a node with all its names, whose directories are listed again.
func (t *tx) forget(n *Node) error {
	t.queued = true
	for {
		r := removal{dir: n.Parent, name: n.Name, now: n.Attr.Ctime}
		if err := t.forgetName(n, &r); err != nil {
			return err
		}
		if n.State == Removed {
			break
		}
	}
	if _, err := t.stmts.dropLink.Exec(int64(n.Attr.Ino), n.Ino); err != nil {
		return err
	}
	if _, err := t.stmts.dropUnscanned.Exec(n.Ino); err != nil {
		return err
	}
	failures, err := affected(t.stmts.clearFailures.Exec(n.Ino)) // of entries without an inode
	if err != nil {
		return err
	}
	t.ledger.Failures -= failures
	t.ledger.FoundInodes--
	t.ledger.FoundBytes -= contentBytes(&n.Attr)
	return nil
}

// forgetName takes a name away. The times of its directory are those of the source.
func (t *tx) forgetName(n *Node, r *removal) error {
	dir, err := t.node(r.dir)
	if err != nil {
		return err
	}
	before := *dir
	if _, err := t.stmts.dropEntry.Exec(r.dir, r.name); err != nil {
		return err
	}
	t.ledger.FoundEntries--
	if err := t.clearFailure(r.dir, r.name); err != nil {
		return err
	}
	if err := t.dropName(n, r, dir); err != nil {
		return err
	}
	if _, err := t.stmts.addUnscanned.Exec(r.dir); err != nil {
		return err
	}
	failed := dir.State == Failed
	t.touch(dir)
	if failed {
		dir.State = Failed
	}
	return t.save(&before, dir)
}
