package adopt

import (
	"context"
	"fmt"

	"clfsload/clfs"
	"clfsload/state/namespace"
	"clfsload/state/schema"
	"clfsload/state/store"
)

var (
	addBacklinkStmt     = store.NewStatement(`INSERT INTO backlink (ino, dir, count) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count`)
	takeBacklinkStmt    = store.NewStatement(`UPDATE backlink SET count = count - 1 WHERE ino = ? AND dir = ? AND count > 0`)
	backlinksToStmt     = store.NewStatement(`SELECT ino, count FROM backlink WHERE dir = ?`)
	dropBacklinksToStmt = store.NewStatement(`DELETE FROM backlink WHERE dir = ?`)
	namesInStmt         = store.NewStatement(`SELECT p.handle FROM dirent d CROSS JOIN inode p ON p.ino = d.parent WHERE d.shared = 1 AND d.ino = ?1
			UNION ALL SELECT p.handle FROM dirent d CROSS JOIN inode p ON p.ino = d.parent
			WHERE d.parent = ?2 AND d.name = ?3 AND d.shared IS NULL`)
)

// adoptLink adds a further name of an inode. If its attributes are known, so are its links.
func adoptLink(t *store.Tx, dir *schema.Node, e *AdoptedEntry, n *schema.Node) error {
	if err := insertAdoptedEntry(t, dir.Ino, e.Name, n.Ino, true); err != nil {
		return err
	}
	if err := namespace.ShareEntry(t, n.Parent, n.Name); err != nil {
		return err
	}
	if n.State == schema.Remote {
		return nil
	}
	foreseen, err := store.Changed(takeBacklinkStmt.Exec(t, n.Ino, []byte(dir.ID)))
	if err != nil || foreseen {
		return err
	}
	before := *n
	n.SetLinks(n.Links + 1)
	return t.Save(&before, n)
}

// DropBacklinks takes back all links to a directory that is not in the container.
func (j Adopter) DropBacklinks(ctx context.Context, dir clfs.ID) error {
	err := j.Write(ctx, store.Committed, func(t *store.Tx) error {
		d := &schema.Node{}
		d.ID = dir
		return dropBacklinks(t, d)
	})
	if err != nil {
		return fmt.Errorf("drop links to directory %s: %w", dir, err)
	}
	return nil
}

// dropBacklinks takes back the links to a directory that were expected in it.
func dropBacklinks(t *store.Tx, dir *schema.Node) error {
	rows, err := backlinksToStmt.Query(t, []byte(dir.ID))
	list, err := schema.ScanAll(rows, err, func(row schema.Scanner) (b namespace.Backlink, err error) {
		err = row.Scan(&b.Ino, &b.Count)
		return b, err
	})
	if err != nil {
		return err
	}
	for _, b := range list {
		n, err := t.Node(b.Ino)
		if err == schema.ErrNoEntry || err == nil && n.State == schema.Removed {
			continue
		}
		if err != nil {
			return err
		}
		before := *n
		n.SetLinks(max(n.Links-min(n.Links, b.Count), 1))
		if err := t.Save(&before, n); err != nil {
			return err
		}
	}
	_, err = dropBacklinksToStmt.Exec(t, []byte(dir.ID))
	return err
}

// adoptLinks compares the back pointers of an inode with its known names, and notes those that
// are in directories which were not read yet.
func adoptLinks(t *store.Tx, n *schema.Node, back []clfs.ID) error {
	unread := map[clfs.ID]uint32{}
	for _, dir := range back {
		unread[dir]++
	}
	known, err := namesIn(t, n)
	if err != nil {
		return err
	}
	links := uint32(len(known))
	for _, dir := range known {
		if unread[dir] > 0 {
			unread[dir]--
		}
	}
	for dir, count := range unread {
		isListed, err := isListed(t, dir)
		if err != nil {
			return err
		}
		if count == 0 || isListed {
			continue
		}
		links += count
		if _, err := addBacklinkStmt.Exec(t, n.Ino, []byte(dir), count); err != nil {
			return err
		}
	}
	n.SetLinks(links)
	if links > 1 {
		err = namespace.ShareEntry(t, n.Parent, n.Name)
	}
	return err
}

// namesIn lists the directories of the known names of an inode, one for each.
func namesIn(t *store.Tx, n *schema.Node) ([]clfs.ID, error) {
	rows, err := namesInStmt.Query(t, n.Ino, n.Parent, n.Name)
	return schema.ScanAll(rows, err, func(row schema.Scanner) (clfs.ID, error) {
		var id []byte
		err := row.Scan(&id)
		return clfs.ID(id), err
	})
}

// isListed reports whether the entries of a directory were all read.
func isListed(t *store.Tx, id clfs.ID) (bool, error) {
	n, _, err := inodeOf(t, id)
	return n != nil && n.State != schema.Remote && n.Flags&schema.Unlisted == 0, err
}
