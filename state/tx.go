package state

import (
	"database/sql"
	"errors"

	"clfsload/clfs"
)

// tx is a transaction of the writer: its prepared statements, and the ledger as
// it will be once the transaction is committed.
type tx struct {
	stmts    *statements
	mount    *mountStatements // nil in the journal of a load
	settings *Settings
	ledger   ledger
	queued   bool // something was put into a work queue, or a node taken out of it

	// Of a mount alone.
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

// insertRoot adds the root directory to a new journal.
func insertRoot(q *sql.Tx, s Settings, a Attr) error {
	state, links, depth := Unscanned, 1, any(0)
	if s.Kind == KindMount {
		state, links, depth = Held, 2, nil
	}
	_, err := q.Exec(`INSERT INTO inode (ino, parent, name, handle, state, type, mode, uid, gid, size, mtime, ctime, atime,
		dev, fileid, rdev, links, expect, depth) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, 1, ?)`,
		RootIno, RootIno, []byte(s.RootName), []byte(clfs.RootID), state, a.Type, a.Mode, a.UID, a.GID, a.Size,
		a.Mtime, a.Ctime, a.Atime, int64(a.Dev), int64(a.Ino), links, depth)
	if err != nil {
		return err
	}
	_, err = q.Exec(`INSERT INTO ledger (id, `+ledgerColumns+`) VALUES (1, ?, 0, ?, 1, 1, 0, 0, 0, 0)`,
		clfs.FirstSequence+1, PhaseNew)
	if err != nil {
		return err
	}
	if _, err := q.Exec(`INSERT INTO mark VALUES (1, 0, ?, '')`, s.BucketUUID); err != nil || s.Kind != KindMount {
		return err
	}
	_, err = q.Exec(`UPDATE ledger SET directories = 1, held = 1`)
	return err
}

// insertInode adds a row under the next sequence number.
func (t *tx) insertInode(dir *Inode, e *Entry, state State) error {
	ino := t.ledger.nextIno
	id := clfs.NewHandle(t.settings.Key, t.settings.ContainerID, dir.ID, e.Attr.Type, t.dirMgr(dir, e.Attr.Type), uint64(ino))
	var depth any
	if e.Attr.Type == clfs.TypeDirectory {
		depth = dir.Depth + 1
	}
	a := &e.Attr
	_, err := t.stmts.insertInode.Exec(ino, dir.Ino, e.Name, []byte(id), state, a.Type, a.Mode, a.UID, a.GID, a.Size,
		a.Mtime, a.Ctime, a.Atime, int64(a.Dev), int64(a.Ino), int64(a.Rdev), a.Nlink, depth, e.Target)
	if err != nil {
		return err
	}
	t.ledger.nextIno++
	t.ledger.FoundInodes++
	t.ledger.FoundBytes += contentBytes(a)
	t.queued = true
	return nil
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

// undone takes an inode out of the totals of what is done.
func (t *tx) undone(a *Attr) {
	t.ledger.DoneInodes--
	t.ledger.DoneBytes -= contentBytes(a)
}

// contentBytes is what an entry counts for in the totals.
func contentBytes(a *Attr) uint64 {
	if a.Type == clfs.TypeRegular {
		return uint64(a.Size)
	}
	return 0
}

func noRows(err error) bool { return errors.Is(err, sql.ErrNoRows) }
