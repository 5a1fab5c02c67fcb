package state

var (
	entryStmt       = newStatement(`SELECT ino, coalesce(shared, 0) FROM dirent WHERE parent = ? AND name = ?`)
	insertEntryStmt = newRedoable(opInsertEntry, 5, `INSERT INTO dirent (parent, name, ino, shared, cookie) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`)
	dropEntryStmt   = newRedoable(opDropEntry, 2, `DELETE FROM dirent WHERE parent = ? AND name = ?`)
	shareEntryStmt  = newRedoable(opShareEntry, 2, `UPDATE dirent SET shared = 1 WHERE parent = ? AND name = ?`)
)

// entry is a row of dirent.
type entry struct {
	ino    Ino
	shared bool
}

// findEntry returns what stands under a name. Errors: ErrNoEntry.
func findEntry(t *tx, dir Ino, name []byte) (entry, error) {
	var e entry
	err := entryStmt.QueryRow(t, dir, name).Scan(&e.ino, &e.shared)
	if noRows(err) {
		return e, ErrNoEntry
	}
	return e, err
}

// insertEntry adds a name. Its cookie is the number of the change that is next.
// Errors: ErrNameTaken, and nothing is changed then.
func insertEntry(t *tx, dir Ino, name []byte, ino Ino, shared bool) error {
	isNew, err := changed(insertEntryStmt.Exec(t, dir, name, ino, sharedValue(shared), t.ledger.seq+1))
	if err == nil && !isNew {
		return ErrNameTaken
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

func findNode(t *tx, dir Ino, name []byte) (*Node, bool, error) {
	e, err := findEntry(t, dir, name)
	if err != nil {
		return nil, false, err
	}
	n, err := t.node(e.ino)
	return n, e.shared, err
}

// dropEntry takes a name out of a directory.
func dropEntry(t *tx, dir Ino, name []byte) error {
	_, err := dropEntryStmt.Exec(t, dir, name)
	return err
}

// shareEntry notes that a name is one of several of its inode.
func shareEntry(t *tx, dir Ino, name []byte) error {
	_, err := shareEntryStmt.Exec(t, dir, name)
	return err
}

// isEmpty reports whether a directory has no entries.
func isEmpty(t *tx, dir Ino) (bool, error) {
	var one int
	err := anyEntryStmt.QueryRow(t, dir).Scan(&one)
	if noRows(err) {
		return true, nil
	}
	return false, err
}

// otherName returns the oldest name of an inode that is one of several; known is false if it has none.
func otherName(t *tx, ino Ino) (dir Ino, name []byte, known bool, err error) {
	err = otherNameStmt.QueryRow(t, ino).Scan(&dir, &name)
	if noRows(err) {
		return 0, nil, false, nil
	}
	return dir, name, err == nil, err
}
