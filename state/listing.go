package state

import (
	"context"
	"fmt"

	"clfsload/clfs"
)

// SnapshotChild is an entry that a publication may list in a directory.
type SnapshotChild struct {
	Name []byte
	ID   clfs.ID
	Type clfs.Type
	Ino  Ino
	Put  bool  // it may be listed: a directory that has not failed, or its inode blob is in the container
	Why  Flags // of Opened and Incomplete, what keeps it from being uploaded
}

// Children returns up to limit entries of a directory in byte order, all after the
// name after (nil: from the first).
func (s *Snapshot) Children(ctx context.Context, dir Ino, after []byte, limit int) ([]SnapshotChild, error) {
	list, err := queryAll(ctx, s.rows.Read, scanSnapshotChild, `SELECT d.name, i.handle, i.type, i.ino, i.flags & ?4, i.put_pub > 0 OR i.type = ?5 AND i.state <> ?6
		FROM dirent d CROSS JOIN inode i ON i.ino = d.ino WHERE d.parent = ?1 AND d.name > ?2 ORDER BY d.name LIMIT ?3`,
		dir, notNil(after), limit, Opened|Incomplete, clfs.TypeDirectory, Failed)
	if err != nil {
		return nil, fmt.Errorf("list directory %d: %w", dir, classify(err))
	}
	return list, nil
}

func scanSnapshotChild(row scanner) (c SnapshotChild, err error) {
	var id []byte
	err = row.Scan(&c.Name, &id, &c.Type, &c.Ino, &c.Why, &c.Put)
	c.ID = clfs.ID(id)
	return c, err
}

// Tombstones returns up to limit tombstones of a directory, all after the one with the name
// and the inode number after, in that order. Those that no form of the directory lists are not
// among them.
func (s *Snapshot) Tombstones(ctx context.Context, dir Ino, after Tombstone, limit int) ([]Tombstone, error) {
	list, err := queryAll(ctx, s.rows.Read, scanTombstone, tombstonesQuery,
		clfs.TypeDirectory, dir, s.reached, notNil(after.Name), after.Ino, limit)
	if err != nil {
		return nil, fmt.Errorf("list tombstones of directory %d: %w", dir, classify(err))
	}
	return list, nil
}

func scanTombstone(row scanner) (t Tombstone, err error) {
	var id []byte
	err = row.Scan(&t.Name, &t.Ino, &t.Seq, &id, &t.Type, &t.Lives, &t.Successor, &t.NameTaken)
	t.ID, t.Put = clfs.ID(id), true
	return t, err
}

// Taken reports whether a directory has an entry, or a tombstone, of a name.
func (s *Snapshot) Taken(ctx context.Context, dir Ino, name []byte) (taken bool, err error) {
	err = s.row(ctx, `SELECT EXISTS (SELECT 1 FROM dirent WHERE parent = ?1 AND name = ?2)
		OR EXISTS (SELECT 1 FROM tombstone WHERE dir = ?1 AND name = ?2)`, dir, name).Scan(&taken)
	if err != nil {
		return false, fmt.Errorf("look for a name in directory %d: %w", dir, classify(err))
	}
	return taken, nil
}

// notNil is for columns that are never NULL.
func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
