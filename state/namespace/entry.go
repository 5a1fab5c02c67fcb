package namespace

import (
	"clfsload/state/schema"
	"clfsload/state/store"
)

var (
	entryStmt       = store.NewStatement(`SELECT ino, coalesce(shared, 0) FROM dirent WHERE parent = ? AND name = ?`)
	insertEntryStmt = store.NewRedoable(store.OpInsertEntry, 5, `INSERT INTO dirent (parent, name, ino, shared, cookie) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`)
	dropEntryStmt   = store.NewRedoable(store.OpDropEntry, 2, `DELETE FROM dirent WHERE parent = ? AND name = ?`)
	shareEntryStmt  = store.NewRedoable(store.OpShareEntry, 2, `UPDATE dirent SET shared = 1 WHERE parent = ? AND name = ?`)
)

// entry is a row of dirent.
type entry struct {
	Ino    schema.Ino
	shared bool
}

// FindEntry returns what stands under a name. Errors: ErrNoEntry.
func FindEntry(t *store.Tx, dir schema.Ino, name []byte) (entry, error) {
	var e entry
	err := entryStmt.QueryRow(t, dir, name).Scan(&e.Ino, &e.shared)
	if store.NoRows(err) {
		return e, schema.ErrNoEntry
	}
	return e, err
}

// InsertEntry adds a name. Its cookie is the number of the change that is next.
// Errors: ErrNameTaken, and nothing is changed then.
func InsertEntry(t *store.Tx, dir schema.Ino, name []byte, ino schema.Ino, shared bool) error {
	isNew, err := store.Changed(insertEntryStmt.Exec(t, dir, name, ino, sharedValue(shared), t.Ledger.Seq+1))
	if err == nil && !isNew {
		return schema.ErrNameTaken
	}
	return err
}

// sharedValue is what dirent.shared holds: rows that are not shared are not in
// its index.
func sharedValue(shared bool) any {
	if shared {
		return 1
	}
	return nil
}

func FindNode(t *store.Tx, dir schema.Ino, name []byte) (*schema.Node, bool, error) {
	e, err := FindEntry(t, dir, name)
	if err != nil {
		return nil, false, err
	}
	n, err := t.Node(e.Ino)
	return n, e.shared, err
}

// DropEntry takes a name out of a directory.
func DropEntry(t *store.Tx, dir schema.Ino, name []byte) error {
	_, err := dropEntryStmt.Exec(t, dir, name)
	return err
}

// ShareEntry notes that a name is one of several of its inode.
func ShareEntry(t *store.Tx, dir schema.Ino, name []byte) error {
	_, err := shareEntryStmt.Exec(t, dir, name)
	return err
}

// IsEmpty reports whether a directory has no entries.
func IsEmpty(t *store.Tx, dir schema.Ino) (bool, error) {
	var one int
	err := anyEntryStmt.QueryRow(t, dir).Scan(&one)
	if store.NoRows(err) {
		return true, nil
	}
	return false, err
}

// OtherName returns the oldest name of an inode that is one of several; known is false if it has none.
func OtherName(t *store.Tx, ino schema.Ino) (dir schema.Ino, name []byte, known bool, err error) {
	err = otherNameStmt.QueryRow(t, ino).Scan(&dir, &name)
	if store.NoRows(err) {
		return 0, nil, false, nil
	}
	return dir, name, err == nil, err
}
