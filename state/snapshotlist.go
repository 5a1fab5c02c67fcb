package state

import (
	"context"
	"database/sql"
	"fmt"

	"clfsload/clfs"
)

// SnapshotChild is an entry of a directory as a publication lists it.
type SnapshotChild struct {
	Name []byte
	ID   clfs.ID
	Type clfs.Type
	Ino  Ino
	Put  bool  // it may be listed: a directory, or its inode blob is in the container
	Why  Flags // of Opened and Incomplete, what keeps it from being uploaded
	// Former: what is uploaded is not the node that has the name now, but the one
	// that was published under it before.
	Former bool
}

// Children returns up to limit entries of a directory in byte order, all after the
// name after (nil: from the first). A directory is never listed as what was there
// before it: it is put before those that list it. What was replaced by a file that was
// renamed since, before it was uploaded, stays under its name while that is free.
func (s *Snapshot) Children(ctx context.Context, dir Ino, after []byte, limit int) ([]SnapshotChild, error) {
	if after == nil {
		after = []byte{}
	}
	list, err := scanChildren(s.conn.QueryContext(ctx, childrenQuery, dir, after, limit, clfs.TypeDirectory))
	if err != nil {
		return nil, fmt.Errorf("list directory %d: %w", dir, classify(err))
	}
	return list, nil
}

const childrenQuery = `SELECT d.name, i.handle, i.type, i.ino, i.put_version, i.flags, i.ino <> d.ino
		FROM dirent d JOIN inode n ON n.ino = d.ino
		LEFT JOIN replaced r ON n.put_version = 0 AND n.type <> ?4 AND r.dir = d.parent AND r.name = d.name
		JOIN inode i ON i.ino = coalesce(r.ino, n.ino)
		WHERE d.parent = ?1 AND d.name > ?2
		UNION ALL SELECT r.name, i.handle, i.type, i.ino, i.put_version, i.flags, 1
		FROM replaced r JOIN inode n ON n.ino = r.successor AND n.put_version = 0 AND n.links > 0
		JOIN inode i ON i.ino = r.ino
		WHERE r.dir = ?1 AND r.name > ?2 AND NOT EXISTS (SELECT 1 FROM dirent d WHERE d.parent = r.dir AND d.name = r.name)
		ORDER BY 1 LIMIT ?3`

func scanChildren(rows *sql.Rows, err error) ([]SnapshotChild, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []SnapshotChild
	for rows.Next() {
		var c SnapshotChild
		var id []byte
		var version uint32
		if err := rows.Scan(&c.Name, &id, &c.Type, &c.Ino, &version, &c.Why, &c.Former); err != nil {
			return nil, err
		}
		c.ID = clfs.ID(id)
		c.Put = version != 0 || c.Type == clfs.TypeDirectory
		c.Why &= Opened | Incomplete
		list = append(list, c)
	}
	return list, rows.Err()
}
