package adopt

import (
	"bytes"
	"context"
	"fmt"

	"clfsload/clfs"
	"clfsload/state/namespace"
	"clfsload/state/schema"
	"clfsload/state/store"
)

var (
	countBelowStmt = store.NewStatement(`SELECT count(*) FROM dirent d CROSS JOIN inode i ON i.ino = d.ino WHERE d.parent = ? AND i.type = ?`)
	addListingStmt = store.NewStatement(`INSERT OR REPLACE INTO listing (dir) VALUES (?)`)
)

// Adopter is the part of a journal that takes up what the container had before the journal.
type Adopter struct{ *store.Store }

// AdoptedEntry is an entry of a directory in the container.
type AdoptedEntry struct {
	Name []byte
	ID   clfs.ID
	Type clfs.Type
}

// AdoptEntries adds entries to an Unlisted directory. Those that it has already are passed
// over. An entry that cannot be an entry of ours makes the directory Unfaithful. More than one
// caller at a time must not list a directory.
func (j Adopter) AdoptEntries(ctx context.Context, dir schema.Ino, page []AdoptedEntry) error {
	err := j.Write(ctx, store.Committed, func(t *store.Tx) error {
		d, err := t.Node(dir)
		if err != nil || d.Flags&schema.Unlisted == 0 {
			return err
		}
		before := *d
		for i := range page {
			faithful, err := adoptEntry(t, d, &page[i])
			if err != nil {
				return err
			}
			if !faithful {
				d.Flags |= schema.Unfaithful
			}
		}
		return t.Save(&before, d)
	})
	if err != nil {
		return fmt.Errorf("adopt entries of directory %d: %w", dir, err)
	}
	return nil
}

// adoptEntry adds an entry; faithful is false if the directory cannot have it.
func adoptEntry(t *store.Tx, dir *schema.Node, e *AdoptedEntry) (faithful bool, err error) {
	if !canHave(e.Name) {
		return false, nil
	}
	n, ino, err := inodeOf(t, e.ID)
	if err != nil {
		return false, err
	}
	known, err := namespace.FindEntry(t, dir.Ino, e.Name)
	if err == nil {
		return n != nil && known.Ino == n.Ino, nil
	}
	if err != schema.ErrNoEntry {
		return false, err
	}
	if n == nil {
		return true, adoptNew(t, dir, e, ino)
	}
	if n.State == schema.Removed || n.IsDirectory() {
		return false, nil
	}
	return true, adoptLink(t, dir, e, n)
}

// maxNameBytes is how long a name is at most on Linux.
const maxNameBytes = 255

// canHave reports whether a name can be one in a mounted directory.
func canHave(name []byte) bool {
	return len(name) > 0 && len(name) <= maxNameBytes && !bytes.ContainsAny(name, "/\x00") &&
		string(name) != "." && string(name) != ".."
}

// adoptNew adds a node of which only the id and a name are known.
func adoptNew(t *store.Tx, dir *schema.Node, e *AdoptedEntry, ino schema.Ino) error {
	if ino == 0 {
		ino = t.Ledger.NextIno
		t.Ledger.NextIno++
		if _, err := addOddIDStmt.Exec(t, []byte(e.ID), ino); err != nil {
			return err
		}
	}
	n := schema.Node{Flags: schema.Adopted, PutPub: 1}
	n.Ino, n.Parent, n.Name, n.ID, n.State, n.Links = ino, dir.Ino, e.Name, e.ID, schema.Remote, 1
	n.Attr.Type, n.Attr.Mode = e.Type, e.Type.ModeBits()
	if n.IsDirectory() {
		n.Flags |= schema.Unlisted
		n.Links = 2
	}
	t.Ledger.Count(&n, 1)
	if err := t.Stmts.Insert(&n); err != nil {
		return err
	}
	return insertAdoptedEntry(t, dir.Ino, e.Name, ino, false)
}

// insertAdoptedEntry adds an entry, whose name is free.
func insertAdoptedEntry(t *store.Tx, dir schema.Ino, name []byte, ino schema.Ino, shared bool) error {
	if err := namespace.InsertEntry(t, dir, name, ino, shared); err != nil {
		return err
	}
	t.NextSeq() // which was its cookie
	return nil
}

// EndListing notes that all entries of a directory were adopted. Links to it that it does not
// have count no longer.
func (j Adopter) EndListing(ctx context.Context, dir schema.Ino) error {
	err := j.Write(ctx, store.Committed, func(t *store.Tx) error {
		d, err := t.Node(dir)
		if err != nil || d.Flags&schema.Unlisted == 0 {
			return err
		}
		if err := dropBacklinks(t, d); err != nil {
			return err
		}
		before := *d
		d.Flags &^= schema.Unlisted
		var below uint32
		if err := countBelowStmt.QueryRow(t, dir, clfs.TypeDirectory).Scan(&below); err != nil {
			return err
		}
		d.SetLinks(2 + below)
		if _, err := addListingStmt.Exec(t, dir); err != nil {
			return err
		}
		return t.Save(&before, d)
	})
	if err != nil {
		return fmt.Errorf("adopt directory %d: %w", dir, err)
	}
	return nil
}
