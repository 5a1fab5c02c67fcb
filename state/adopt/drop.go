package adopt

import (
	"bytes"
	"context"
	"fmt"

	"clfsload/clfs"
	"clfsload/state/garbage"
	"clfsload/state/namespace"
	"clfsload/state/schema"
	"clfsload/state/store"
)

var (
	droppableStmt = store.NewStatement(droppable)
	dropCleanStmt = store.NewStatement(`DELETE FROM inode WHERE ino = ?`)
)

// Listings returns up to limit directories whose entries were read from the container, in
// order of their numbers, all above after.
func (j Adopter) Listings(ctx context.Context, after schema.Ino, limit int) ([]schema.Ino, error) {
	list, err := store.QueryAll(ctx, j.Read, store.ScanIno, `SELECT dir FROM listing WHERE dir > ? ORDER BY dir LIMIT ?`, after, limit)
	if err != nil {
		return nil, fmt.Errorf("list directories that were read: %w", store.Classify(err))
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
func (j Adopter) DropEntries(ctx context.Context, dir schema.Ino, after []byte, inUse func(schema.Ino) bool) (d Dropped, err error) {
	err = j.Write(ctx, store.Committed, func(t *store.Tx) error {
		d = Dropped{}
		n, err := t.Node(dir)
		if err != nil || n.State != schema.Done || n.Flags&schema.Unfaithful != 0 || t.Ledger.IsPublishing() {
			return err
		}
		return dropEntries(t, n, store.NotNil(after), inUse, &d)
	})
	if err != nil {
		return Dropped{}, fmt.Errorf("drop entries of directory %d: %w", dir, err)
	}
	return d, nil
}

func dropEntries(t *store.Tx, dir *schema.Node, after []byte, inUse func(schema.Ino) bool, d *Dropped) error {
	rows, err := droppableStmt.Query(t, dir.Ino, after, dropPage)
	page, err := schema.ScanAll(rows, err, scanDroppable)
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
	ino  schema.Ino
	typ  clfs.Type
}

func scanDroppable(row schema.Scanner) (e droppableEntry, err error) {
	err = row.Scan(&e.name, &e.ino, &e.typ)
	return e, err
}

// dropListed takes an entry out of the journal, and its node unless that has another known name.
func dropListed(t *store.Tx, dir *schema.Node, e droppableEntry) error {
	n, err := t.Node(e.ino)
	if err != nil {
		return err
	}
	if err := namespace.DropEntry(t, dir.Ino, e.name); err != nil {
		return err
	}
	before := *n
	parent, name, known, err := namespace.OtherName(t, e.ino)
	if err != nil {
		return err
	}
	if !known {
		return dropClean(t, &before)
	}
	if n.Parent == dir.Ino && bytes.Equal(n.Name, e.name) {
		n.Parent, n.Name = parent, name
	}
	if n.State != schema.Remote {
		if _, err := addBacklinkStmt.Exec(t, n.Ino, []byte(dir.ID), 1); err != nil {
			return err
		}
	}
	return t.Save(&before, n)
}

// dropClean forgets a node that has no known name. Generations that it has used stay used; see
// adopt.
func dropClean(t *store.Tx, n *schema.Node) error {
	t.Ledger.Count(n, schema.MinusOne)
	t.Ledger.Seq = max(t.Ledger.Seq, n.Next)
	if _, err := dropCleanStmt.Exec(t, n.Ino); err != nil {
		return err
	}
	return garbage.DropRowsOf(t, n.Ino)
}

// unlist notes that a directory has entries that the journal has not.
func unlist(t *store.Tx, dir *schema.Node) error {
	if dir.Flags&schema.Unlisted != 0 {
		return nil
	}
	before := *dir
	dir.Flags |= schema.Unlisted
	if _, err := garbage.DropListingStmt.Exec(t, dir.Ino); err != nil {
		return err
	}
	return t.Save(&before, dir)
}
