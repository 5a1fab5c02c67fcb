package state

import (
	"database/sql"
	"errors"

	"clfsload/clfs"
)

// tx is a transaction of the writer: its prepared statements, and the ledger as
// it will be once the transaction is committed.
type tx struct {
	stmts    statements
	settings *Settings
	ledger   ledger
	queued   bool // something was put into a work queue, or a node taken out of it
	rows     *rows
	recorder *recorder
	direct   bool // rows is empty, and nothing is recorded: the update is committed at once
}

// affected returns how many rows a statement changed.
func affected(r sql.Result, err error) (uint64, error) {
	if err != nil {
		return 0, err
	}
	n, err := r.RowsAffected()
	return uint64(n), err
}

// changed reports whether a statement changed a row.
func changed(r sql.Result, err error) (bool, error) {
	n, err := affected(r, err)
	return n > 0, err
}

// insertRoot adds the root directory to a new journal. What a source tree has below it is not
// known yet.
func insertRoot(q *sql.Tx, s Settings, a Attr) error {
	_, err := q.Exec(`INSERT INTO inode (ino, parent, name, handle, state, type, mode, uid, gid, size, mtime, ctime, atime,
		fileid, rdev, links, flags) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 2, ?)`,
		RootIno, RootIno, []byte(s.RootName), []byte(clfs.RootID), Held, a.Type, a.Mode, a.UID, a.GID, a.Size,
		a.Mtime, a.Ctime, a.Atime, int64(a.Ino), Unordered)
	if err != nil {
		return err
	}
	_, err = q.Exec(`INSERT INTO ledger (id, next_ino, last_dirmgr, phase, found_entries, found_inodes, found_bytes, failures,
		directories, held) VALUES (1, ?, 0, ?, 1, 1, 0, 0, 1, 1)`, clfs.FirstSequence+1, PhaseNew)
	if err != nil {
		return err
	}
	if _, err := q.Exec(`INSERT INTO mark VALUES (1, 0, ?, '')`, s.BucketUUID); err != nil || s.Kind == KindMount || s.Adopted {
		return err
	}
	_, err = q.Exec(`INSERT INTO unscanned VALUES (?)`, RootIno)
	return err
}

// dirMgr deals new directories out to the directory managers in turn,
// docs/clfs-format.md section 1.
func (t *tx) dirMgr(dir *Inode, typ clfs.Type) uint8 {
	if typ != clfs.TypeDirectory {
		return dir.ID.DirMgr()
	}
	t.ledger.lastDirMgr = uint8((int(t.ledger.lastDirMgr) + 1) % t.settings.DirMgrCount)
	return t.ledger.lastDirMgr
}

// contentBytes is what an entry counts for in the totals.
func contentBytes(a *Attr) uint64 {
	if a.Type == clfs.TypeRegular {
		return uint64(a.Size)
	}
	return 0
}

func noRows(err error) bool { return errors.Is(err, sql.ErrNoRows) }
