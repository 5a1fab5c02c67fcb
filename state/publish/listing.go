package publish

import (
	"context"
	"fmt"

	"clfsload/clfs"
	"clfsload/state/schema"
	"clfsload/state/store"
)

// SnapshotChild is an entry that a publication may list in a directory.
type SnapshotChild struct {
	Name []byte
	ID   clfs.ID
	Type clfs.Type
	Ino  schema.Ino
	Put  bool         // it may be listed: a directory that has not failed, or its inode blob is in the container
	Why  schema.Flags // of Opened and Incomplete, what keeps it from being uploaded
}

// Children returns up to limit entries of a directory in byte order, all after the
// name after (nil: from the first).
func (s *Snapshot) Children(ctx context.Context, dir schema.Ino, after []byte, limit int) ([]SnapshotChild, error) {
	list, err := store.QueryAll(ctx, s.rows.Read, scanSnapshotChild, `SELECT d.name, i.handle, i.type, i.ino, i.flags & ?4, i.put_pub > 0 OR i.type = ?5 AND i.state <> ?6
		FROM dirent d CROSS JOIN inode i ON i.ino = d.ino WHERE d.parent = ?1 AND d.name > ?2 ORDER BY d.name LIMIT ?3`,
		dir, store.NotNil(after), limit, schema.Opened|schema.Incomplete, clfs.TypeDirectory, schema.Failed)
	if err != nil {
		return nil, fmt.Errorf("list directory %d: %w", dir, store.Classify(err))
	}
	return list, nil
}

func scanSnapshotChild(row schema.Scanner) (c SnapshotChild, err error) {
	var id []byte
	err = row.Scan(&c.Name, &id, &c.Type, &c.Ino, &c.Why, &c.Put)
	c.ID = clfs.ID(id)
	return c, err
}

// Tombstones returns up to limit tombstones of a directory, all after the one with the name
// and the inode number after, in that order. Those that no form of the directory lists are not
// among them.
func (s *Snapshot) Tombstones(ctx context.Context, dir schema.Ino, after Tombstone, limit int) ([]Tombstone, error) {
	list, err := store.QueryAll(ctx, s.rows.Read, scanTombstone, TombstonesQuery,
		clfs.TypeDirectory, dir, s.reached, store.NotNil(after.Name), after.Ino, limit)
	if err != nil {
		return nil, fmt.Errorf("list tombstones of directory %d: %w", dir, store.Classify(err))
	}
	return list, nil
}

func scanTombstone(row schema.Scanner) (t Tombstone, err error) {
	var id []byte
	err = row.Scan(&t.Name, &t.Ino, &t.Seq, &id, &t.Type, &t.Lives, &t.Successor, &t.NameTaken)
	t.ID, t.Put = clfs.ID(id), true
	return t, err
}

// Taken reports whether a directory has an entry, or a tombstone, of a name.
func (s *Snapshot) Taken(ctx context.Context, dir schema.Ino, name []byte) (taken bool, err error) {
	err = s.row(ctx, `SELECT EXISTS (SELECT 1 FROM dirent WHERE parent = ?1 AND name = ?2)
		OR EXISTS (SELECT 1 FROM tombstone WHERE dir = ?1 AND name = ?2)`, dir, name).Scan(&taken)
	if err != nil {
		return false, fmt.Errorf("look for a name in directory %d: %w", dir, store.Classify(err))
	}
	return taken, nil
}

// leadsOn is true if the removed directory i leads, through tombstones of removed directories,
// to an inode with a name or with a live successor. ?1 is the type of directories.
const leadsOn = `EXISTS (WITH RECURSIVE below (dir) AS (VALUES (i.ino)
			UNION SELECT t.ino FROM below CROSS JOIN tombstone t ON t.dir = below.dir CROSS JOIN inode n ON n.ino = t.ino
			WHERE n.state = {removed} AND n.type = ?1)
		SELECT 1 FROM below CROSS JOIN tombstone t ON t.dir = below.dir CROSS JOIN inode n ON n.ino = t.ino
		LEFT JOIN inode s ON s.ino = t.successor WHERE n.state <> {removed} OR s.state <> {removed})`

// Tombstone is an entry that the listing of a directory in the container may have and the
// directory no longer has, as of a snapshot. docs/design.md, "How a publication goes".
type Tombstone struct {
	SnapshotChild
	Seq       uint64 // number of the change by which it left
	Successor Successor
	// Lives: its inode has a name in another directory, or is a removed, reached directory
	// that leads to an inode with a name or with a live successor.
	Lives bool
	// NameTaken: the directory has an entry of this name that it lists.
	NameTaken bool
}

// Successor is the state of the file that took the place of another one.
type Successor int

const (
	NoSuccessor   Successor = iota // there is none, it was removed, or the same directory lists it
	Waiting                        // it has a name and is not uploaded
	ListedOutside                  // it is uploaded, and has names in other directories only
)

// TombstonesQuery lists the tombstones of the directory ?2, except those that no form lists.
// Of several of an inode with one name it lists the first that left, as the container is likeliest to
// have that name, and those with successors.
const TombstonesQuery = `SELECT name, ino, seq, handle, type, lives, successor, taken FROM (
	SELECT t.name, t.ino, t.seq, i.handle, i.type,
		CASE WHEN i.state <> {removed} AND (i.links = 1 OR i.type = ?1) THEN i.parent <> ?2
			WHEN i.state <> {removed} THEN EXISTS (SELECT 1 FROM dirent d WHERE d.shared = 1 AND d.ino = i.ino AND d.parent <> ?2)
			ELSE i.type = ?1 AND i.put_pub BETWEEN 1 AND ?3 AND ` + leadsOn + ` END AS lives,
		CASE WHEN s.ino IS NULL OR s.state = {removed} THEN 0 WHEN s.put_pub = 0 THEN 1
			WHEN s.parent = ?2 OR EXISTS (SELECT 1 FROM dirent d WHERE d.shared = 1 AND d.ino = s.ino AND d.parent = ?2) THEN 0
			ELSE 2 END AS successor,
		e.ino IS NOT NULL AND (e.put_pub > 0 OR e.type = ?1 AND e.state <> {failed}) AS taken
	FROM tombstone t CROSS JOIN inode i ON i.ino = t.ino LEFT JOIN inode s ON s.ino = t.successor
	LEFT JOIN dirent h ON h.parent = t.dir AND h.name = t.name LEFT JOIN inode e ON e.ino = h.ino
	WHERE t.dir = ?2 AND (t.name, t.ino) > (?4, ?5) AND h.ino IS NOT t.ino
	AND NOT ((i.links < 2 OR i.type = ?1) AND t.successor = 0 AND EXISTS (SELECT 1 FROM tombstone o
		WHERE o.ino = t.ino AND o.dir = ?2 AND o.successor = 0 AND o.seq < t.seq)))
	WHERE lives OR successor ORDER BY name, ino LIMIT ?6`
