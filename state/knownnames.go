package state

var countLinksStmt = newStatement(`SELECT count(*) FROM dirent WHERE shared = 1 AND ino = ?`)

// checkOtherName refuses to take the last known name of an inode that has others.
func checkOtherName(t *tx, n *Node) error {
	if n.IsDirectory() || n.Links < 2 || n.Flags&Adopted == 0 {
		return nil
	}
	known, err := knownLinks(t, n)
	if err == nil && known < 2 {
		err = &Unread{Ino: n.Ino, Part: OtherNames}
	}
	return err
}

// checkAllNames refuses to take all names of an inode before all are known.
func checkAllNames(t *tx, n *Node) error {
	if n.Flags&Adopted == 0 {
		return nil
	}
	known, err := knownLinks(t, n)
	if err == nil && known < uint64(n.Links) && n.Links > 1 {
		err = &Unread{Ino: n.Ino, Part: OtherNames}
	}
	return err
}

// knownLinks counts the names of an inode that has several.
func knownLinks(t *tx, n *Node) (known uint64, err error) {
	err = countLinksStmt.QueryRow(t, n.Ino).Scan(&known)
	return known, err
}
