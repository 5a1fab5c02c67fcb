package state

import (
	"bytes"
	"context"
	"fmt"

	"clfsload/clfs"
)

var (
	droppableStmt = newStatement(droppable)
	dropCleanStmt = newStatement(`DELETE FROM inode WHERE ino = ?`)
)

// Listings returns up to limit directories whose entries were read from the container, in
// order of their numbers, all above after.
func (j Adopter) Listings(ctx context.Context, after Ino, limit int) ([]Ino, error) {
	list, err := queryAll(ctx, j.read, scanIno, `SELECT dir FROM listing WHERE dir > ? ORDER BY dir LIMIT ?`, after, limit)
	if err != nil {
		return nil, fmt.Errorf("list directories that were read: %w", classify(err))
	}
	return list, nil
}

// droppable lists entries of a directory that can be read from the container again: nothing
// of them was changed or is in staging, and nothing below is known.
const droppable = `SELECT d.name, i.ino, i.type FROM dirent d CROSS JOIN inode i ON i.ino = d.ino
	WHERE d.parent = ?1 AND d.name > ?2 AND i.used = 0
	AND (i.state = {remote} OR i.state = {done} AND i.flags & {adopted} AND (i.type <> {regular} OR i.flags & {base map}))
	AND NOT EXISTS (SELECT 1 FROM dirent b WHERE b.parent = i.ino)
	AND NOT EXISTS (SELECT 1 FROM tombstone t WHERE t.ino = i.ino)
	AND NOT EXISTS (SELECT 1 FROM tombstone t WHERE t.successor = i.ino AND t.successor > 0)
	ORDER BY d.name LIMIT ?3`

// dropPage is how many entries are dropped in one transaction.
const dropPage = 1000

// Dropped is what became of a page of entries.
type Dropped struct {
	Count int
	Kept  [][]byte // names of files that were in use
	Next  []byte   // where the next page begins; nil: there is none
}

// DropEntries takes a page of entries of an unchanged directory out of the journal, all after
// the name after, that are in the container as well: but for those that inUse reports. The
// directory is Unlisted then. inUse is called within the transaction and must not use the
// journal. Nothing is done for a directory that was changed, or while a publication is under
// way. Nobody may list the directory meanwhile.
func (j Adopter) DropEntries(ctx context.Context, dir Ino, after []byte, inUse func(Ino) bool) (d Dropped, err error) {
	err = j.write(ctx, committed, func(t *tx) error {
		d = Dropped{}
		n, err := t.node(dir)
		if err != nil || n.State != Done || n.Flags&Unfaithful != 0 || t.ledger.isPublishing() {
			return err
		}
		return dropEntries(t, n, notNil(after), inUse, &d)
	})
	if err != nil {
		return Dropped{}, fmt.Errorf("drop entries of directory %d: %w", dir, err)
	}
	return d, nil
}

func dropEntries(t *tx, dir *Node, after []byte, inUse func(Ino) bool, d *Dropped) error {
	rows, err := droppableStmt.Query(t, dir.Ino, after, dropPage)
	page, err := scanAll(rows, err, scanDroppable)
	if err != nil || len(page) == 0 {
		return err
	}
	if len(page) == dropPage {
		d.Next = page[len(page)-1].name
	}
	for _, e := range page {
		if inUse(e.ino) {
			if e.typ != clfs.TypeDirectory {
				d.Kept = append(d.Kept, e.name)
			}
			continue
		}
		if err := dropListed(t, dir, e); err != nil {
			return err
		}
		d.Count++
	}
	if d.Count == 0 {
		return nil
	}
	return unlist(t, dir)
}

// droppableEntry is an entry that may be dropped.
type droppableEntry struct {
	name []byte
	ino  Ino
	typ  clfs.Type
}

func scanDroppable(row scanner) (e droppableEntry, err error) {
	err = row.Scan(&e.name, &e.ino, &e.typ)
	return e, err
}

// dropListed takes an entry out of the journal, and its node unless that has another known name.
func dropListed(t *tx, dir *Node, e droppableEntry) error {
	n, err := t.node(e.ino)
	if err != nil {
		return err
	}
	if err := dropEntry(t, dir.Ino, e.name); err != nil {
		return err
	}
	before := *n
	parent, name, known, err := otherName(t, e.ino)
	if err != nil {
		return err
	}
	if !known {
		return dropClean(t, &before)
	}
	if n.Parent == dir.Ino && bytes.Equal(n.Name, e.name) {
		n.Parent, n.Name = parent, name
	}
	if n.State != Remote {
		if _, err := addBacklinkStmt.Exec(t, n.Ino, []byte(dir.ID), 1); err != nil {
			return err
		}
	}
	return t.save(&before, n)
}

// dropClean forgets a node that has no known name. Generations that it has used stay used; see
// adopt.
func dropClean(t *tx, n *Node) error {
	t.ledger.count(n, minusOne)
	t.ledger.seq = max(t.ledger.seq, n.Next)
	if _, err := dropCleanStmt.Exec(t, n.Ino); err != nil {
		return err
	}
	return dropRowsOf(t, n.Ino)
}

// unlist notes that a directory has entries that the journal has not.
func unlist(t *tx, dir *Node) error {
	if dir.Flags&Unlisted != 0 {
		return nil
	}
	before := *dir
	dir.Flags |= Unlisted
	if _, err := dropListingStmt.Exec(t, dir.Ino); err != nil {
		return err
	}
	return t.save(&before, dir)
}
