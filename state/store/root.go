package store

import (
	"database/sql"

	"clfsload/clfs"
	"clfsload/state/schema"
)

// InsertRoot adds the root directory to a new journal. What a source tree has below it is not
// known yet.
func InsertRoot(q *sql.Tx, s schema.Settings, a schema.Attr) error {
	_, err := q.Exec(`INSERT INTO inode (ino, parent, name, handle, state, type, mode, uid, gid, size, mtime, ctime, atime,
		fileid, rdev, links, flags) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 2, ?)`,
		schema.RootIno, schema.RootIno, []byte(s.RootName), []byte(clfs.RootID), schema.Held, a.Type, a.Mode, a.UID, a.GID, a.Size,
		a.Mtime, a.Ctime, a.Atime, int64(a.Ino), schema.Unordered)
	if err != nil {
		return err
	}
	_, err = q.Exec(`INSERT INTO ledger (id, next_ino, last_dirmgr, phase, found_entries, found_inodes, found_bytes, failures,
		directories, held) VALUES (1, ?, 0, ?, 1, 1, 0, 0, 1, 1)`, clfs.FirstSequence+1, schema.PhaseNew)
	if err != nil {
		return err
	}
	if _, err := q.Exec(`INSERT INTO mark VALUES (1, 0, ?, '')`, s.BucketUUID); err != nil || s.Kind == schema.KindMount || s.Adopted {
		return err
	}
	_, err = q.Exec(`INSERT INTO unscanned VALUES (?)`, schema.RootIno)
	return err
}
