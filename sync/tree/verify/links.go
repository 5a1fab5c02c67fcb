package verify

import (
	"context"

	"clfsload/clfs"
	"clfsload/sync/tree"
)

// tables are those of the temporary database. An inode with one back pointer is compared with its
// entry at once; links, backs, firsts and sources are for the others.
var tables = []string{
	"CREATE TABLE sequences (number INTEGER PRIMARY KEY)",
	"CREATE TABLE links (child BLOB, parent BLOB, name BLOB, path BLOB)",
	"CREATE INDEX links_by_child ON links (child, parent)",
	"CREATE TABLE backs (child BLOB, parent BLOB)",
	"CREATE TABLE sources (child BLOB, blob TEXT, path BLOB, dev INTEGER, ino INTEGER)",
	"CREATE INDEX sources_by_child ON sources (child)",
	"CREATE TABLE firsts (child BLOB, parent BLOB, name BLOB, blob TEXT)",
}

// link checks that an inode has a back pointer for an entry that leads to it. first is whether this
// is the first entry that was found.
func (c *checker) link(n *tree.Node, at place, first bool) error {
	if n.IsDir() {
		if string(n.Inode.Name) != at.name && first {
			c.find(c.moves(), KindNameRecord, at.path, n.Blob, "the inode says that its name is %q", n.Inode.Name)
		}
		return nil
	}
	back := n.Inode.BackPointers
	if len(back) > 1 {
		return c.rememberLink(n, at, first)
	}
	switch {
	case !first:
		c.find(c.moves(), KindBackPointer, at.path, n.Blob, "a further entry leads to this inode, which has only one back pointer")
	case len(back) == 0:
	case back[0] != at.dir:
		c.find(c.moves(), KindBackPointer, at.path, n.Blob, "the back pointer leads to %s, the entry is in %s", back[0], at.dir)
	case string(n.Inode.Name) != at.name:
		c.find(c.moves(), KindNameRecord, at.path, n.Blob, "the inode says that its name is %q", n.Inode.Name)
	}
	return nil
}

func (c *checker) rememberLink(n *tree.Node, at place, first bool) error {
	_, err := c.db.Exec("INSERT INTO links VALUES (?, ?, ?, ?)", []byte(n.ID), []byte(at.dir), []byte(at.name), []byte(at.path))
	if err != nil || !first {
		return err
	}
	back := n.Inode.BackPointers
	_, err = c.db.Exec("INSERT INTO firsts VALUES (?, ?, ?, ?)", []byte(n.ID), []byte(back[0]), n.Inode.Name, n.Blob)
	if err != nil {
		return err
	}
	for _, parent := range back {
		if _, err := c.db.Exec("INSERT INTO backs VALUES (?, ?)", []byte(n.ID), []byte(parent)); err != nil {
			return err
		}
	}
	return nil
}

// mismatches are the directories whose number of entries for an inode differs from the number of
// its back pointers to them.
const mismatches = `SELECT f.blob, m.parent, m.entries, m.backs,
	coalesce((SELECT path FROM links l WHERE l.child = m.child LIMIT 1), '')
FROM (SELECT child, parent, sum(entry) AS entries, sum(back) AS backs
	FROM (SELECT child, parent, 1 AS entry, 0 AS back FROM links
		UNION ALL SELECT child, parent, 0, 1 FROM backs)
	GROUP BY child, parent HAVING sum(entry) <> sum(back)) m
JOIN firsts f ON f.child = m.child`

// misnamed are the inodes whose NAME matches no entry in their first directory, and whether an
// entry in another one has it.
const misnamed = `SELECT f.blob, f.name, coalesce((SELECT path FROM links l WHERE l.child = f.child LIMIT 1), ''),
	EXISTS (SELECT 1 FROM links l WHERE l.child = f.child AND l.name = f.name)
FROM firsts f WHERE NOT EXISTS (SELECT 1 FROM links l WHERE l.child = f.child AND l.parent = f.parent AND l.name = f.name)`

// links compares the links and back pointers of inodes that have several.
func (c *checker) links(context.Context) error {
	err := c.db.Each(mismatches, nil, func(scan func(...any) error) error {
		var blobName string
		var parent, path []byte
		var entries, backs int64
		if err := scan(&blobName, &parent, &entries, &backs, &path); err != nil {
			return err
		}
		c.find(c.moves(), KindBackPointer, string(path), blobName, "%d back pointers to %s, which has %d entries for this inode", backs, clfs.ID(parent), entries)
		return nil
	})
	if err != nil {
		return err
	}
	return c.db.Each(misnamed, nil, func(scan func(...any) error) error {
		var blobName string
		var name, path []byte
		var elsewhere bool
		if err := scan(&blobName, &name, &path, &elsewhere); err != nil {
			return err
		}
		n, err := clfs.ParseName(blobName)
		if err != nil {
			return err
		}
		harmless := elsewhere && c.origin.rewrote(n) || c.moves() == Remark
		c.find(severityIf(harmless), KindNameRecord, string(path), blobName, "the inode says that its name is %q, but its first directory has no such entry", name)
		return nil
	})
}
