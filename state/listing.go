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
	Put  bool  // it may be listed: a directory, or its inode blob is in the container
	Why  Flags // of Opened and Incomplete, what keeps it from being uploaded
}

// Children returns up to limit entries of a directory in byte order, all after the
// name after (nil: from the first).
func (s *Snapshot) Children(ctx context.Context, dir Ino, after []byte, limit int) ([]SnapshotChild, error) {
	list, err := queryAll(ctx, s.rows.Read, scanSnapshotChild, `SELECT d.name, i.handle, i.type, i.ino, i.put_pub, i.flags
		FROM dirent d CROSS JOIN inode i ON i.ino = d.ino WHERE d.parent = ? AND d.name > ? ORDER BY d.name LIMIT ?`,
		dir, notNil(after), limit)
	if err != nil {
		return nil, fmt.Errorf("list directory %d: %w", dir, classify(err))
	}
	return list, nil
}

func scanSnapshotChild(row scanner) (c SnapshotChild, err error) {
	var id []byte
	var publication uint64
	err = row.Scan(&c.Name, &id, &c.Type, &c.Ino, &publication, &c.Why)
	c.ID = clfs.ID(id)
	c.Put = publication != 0 || c.Type == clfs.TypeDirectory
	c.Why &= Opened | Incomplete
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
