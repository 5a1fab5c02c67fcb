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

// dirMgr deals new directories out to the directory managers in turn,
// docs/clfs-format.md section 1.
func (t *tx) dirMgr(dir *Inode, typ clfs.Type) uint8 {
	if typ != clfs.TypeDirectory {
		return dir.ID.DirMgr()
	}
	t.ledger.lastDirMgr = uint8((int(t.ledger.lastDirMgr) + 1) % t.settings.DirMgrCount)
	return t.ledger.lastDirMgr
}

func noRows(err error) bool { return errors.Is(err, sql.ErrNoRows) }
