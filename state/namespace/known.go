package namespace

import (
	"clfsload/state/schema"
	"clfsload/state/store"
)

var countLinksStmt = store.NewStatement(`SELECT count(*) FROM dirent WHERE shared = 1 AND ino = ?`)

// CheckOtherName refuses to take the last known name of an inode that has others.
func CheckOtherName(t *store.Tx, n *schema.Node) error {
	if n.IsDirectory() || n.Links < 2 || n.Flags&schema.Adopted == 0 {
		return nil
	}
	known, err := knownLinks(t, n)
	if err == nil && known < 2 {
		err = &schema.Unread{Ino: n.Ino, Part: schema.OtherNames}
	}
	return err
}

// CheckAllNames refuses to take all names of an inode before all are known.
func CheckAllNames(t *store.Tx, n *schema.Node) error {
	if n.Flags&schema.Adopted == 0 {
		return nil
	}
	known, err := knownLinks(t, n)
	if err == nil && known < uint64(n.Links) && n.Links > 1 {
		err = &schema.Unread{Ino: n.Ino, Part: schema.OtherNames}
	}
	return err
}

// knownLinks counts the names of an inode that has several.
func knownLinks(t *store.Tx, n *schema.Node) (known uint64, err error) {
	err = countLinksStmt.QueryRow(t, n.Ino).Scan(&known)
	return known, err
}
