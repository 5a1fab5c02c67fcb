package state

import (
	"context"
	"database/sql"
	"fmt"

	"clfsload/clfs"
)

// Listings returns up to limit directories whose entries were read from the container, in
// order of their numbers, all above after.
func (j *Journal) Listings(ctx context.Context, after Ino, limit int) ([]Ino, error) {
	list, err := queryAll(ctx, j.read, scanIno, `SELECT dir FROM listing WHERE dir > ? ORDER BY dir LIMIT ?`, after, limit)
	if err != nil {
		return nil, fmt.Errorf("list directories that were read: %w", classify(err))
	}
	return list, nil
}

// droppable lists entries of a directory that can be read from the container again: nothing
// of them was changed, is in staging, or has links elsewhere, and nothing below is known.
var droppable = fmt.Sprintf(`SELECT d.name, i.ino FROM dirent d CROSS JOIN inode i ON i.ino = d.ino
	WHERE d.parent = ?1 AND d.name > ?2 AND d.shared IS NULL AND i.used = 0
	AND (i.state = %[1]d OR i.state = %[2]d AND i.flags & %[3]d
		AND (i.type <> %[4]d OR i.flags & %[5]d) AND (i.type <> %[6]d OR i.flags & %[7]d))
	AND NOT EXISTS (SELECT 1 FROM tombstone t WHERE t.ino = i.ino)
	AND NOT EXISTS (SELECT 1 FROM tombstone t WHERE t.successor = i.ino AND t.successor > 0)
	ORDER BY d.name LIMIT ?3`, Remote, Done, Adopted, clfs.TypeDirectory, Unlisted, clfs.TypeRegular, BaseMap)

// dropPage is how many entries are dropped in one transaction.
const dropPage = 1000

// DropListing takes entries of an unchanged directory out of the journal that are in the
// container as well: all but those that inUse reports. The directory is Unlisted then. inUse
// is called within the transaction and must not use the journal. Nothing is done for a
// directory that was changed, or while a publication is under way. Nobody may list the
// directory meanwhile.
func (j *Journal) DropListing(ctx context.Context, dir Ino, inUse func(Ino) bool) (dropped int, err error) {
	page := dropping{dir: dir, inUse: inUse, after: []byte{}}
	for page.more = true; page.more && err == nil; dropped += page.dropped {
		err = j.write(ctx, committed, page.drop)
	}
	if err != nil {
		return dropped, fmt.Errorf("drop entries of directory %d: %w", dir, err)
	}
	return dropped, nil
}

// dropping is a pass over the entries of a directory.
type dropping struct {
	dir     Ino
	inUse   func(Ino) bool
	after   []byte // the name that was looked at last
	more    bool
	dropped int // in the last transaction
}

// drop drops a page of entries.
func (d *dropping) drop(t *tx) error {
	d.more, d.dropped = false, 0
	n, err := t.node(d.dir)
	if err != nil || n.State != Done || n.Flags&Unfaithful != 0 || t.ledger.isPublishing() {
		return err
	}
	rows, err := t.mount.droppable.Query(d.dir, d.after, dropPage)
	page, err := scanAll(rows, err, func(row scanner) (e nameOf, err error) {
		err = row.Scan(&e.name, &e.ino)
		return e, err
	})
	if err != nil || len(page) == 0 {
		return err
	}
	d.more, d.after = len(page) == dropPage, page[len(page)-1].name
	for _, e := range page {
		if d.inUse(e.ino) {
			continue
		}
		if err := t.dropEntry(n, e); err != nil {
			return err
		}
		d.dropped++
	}
	if d.dropped == 0 {
		return nil
	}
	return t.unlist(n)
}

// nameOf is an entry.
type nameOf struct {
	name []byte
	ino  Ino
}

// dropEntry takes an entry and its node out of the journal.
func (t *tx) dropEntry(dir *Node, e nameOf) error {
	n, err := t.node(e.ino)
	if err != nil {
		return err
	}
	t.ledger.count(n, minusOne)
	if _, err := t.mount.dropEntry.Exec(dir.Ino, e.name); err != nil {
		return err
	}
	for _, stmt := range []*sql.Stmt{t.mount.dropClean, t.mount.dropNodeBlocks, t.mount.dropOddID} {
		if _, err := stmt.Exec(e.ino); err != nil {
			return err
		}
	}
	return nil
}

// unlist notes that a directory has entries that the journal has not.
func (t *tx) unlist(dir *Node) error {
	if dir.Flags&Unlisted != 0 {
		return nil
	}
	before := *dir
	dir.Flags |= Unlisted
	if _, err := t.mount.dropListing.Exec(dir.Ino); err != nil {
		return err
	}
	return t.save(&before, dir)
}
