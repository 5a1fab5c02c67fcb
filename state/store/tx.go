package store

import (
	"database/sql"
	"errors"

	"clfsload/clfs"
	"clfsload/state/schema"
)

// Tx is a transaction of the writer: its prepared statements, and the ledger as
// it will be once the transaction is committed.
type Tx struct {
	Stmts    statements
	Settings *schema.Settings
	Ledger   schema.Ledger
	Queued   bool // something was put into a work queue, or a node taken out of it
	rows     *rows
	recorder *recorder
	direct   bool // rows is empty, and nothing is recorded: the update is committed at once
}

// Affected returns how many rows a statement changed.
func Affected(r sql.Result, err error) (uint64, error) {
	if err != nil {
		return 0, err
	}
	n, err := r.RowsAffected()
	return uint64(n), err
}

// Changed reports whether a statement changed a row.
func Changed(r sql.Result, err error) (bool, error) {
	n, err := Affected(r, err)
	return n > 0, err
}

// DirMgr deals new directories out to the directory managers in turn,
// docs/clfs-format.md section 1.
func (t *Tx) DirMgr(dir *schema.Inode, typ clfs.Type) uint8 {
	if typ != clfs.TypeDirectory {
		return dir.ID.DirMgr()
	}
	t.Ledger.LastDirMgr = uint8((int(t.Ledger.LastDirMgr) + 1) % t.Settings.DirMgrCount)
	return t.Ledger.LastDirMgr
}

func NoRows(err error) bool { return errors.Is(err, sql.ErrNoRows) }
