package namespace

import (
	"clfsload/state/schema"
	"clfsload/state/store"
)

var (
	addTombstoneStmt = store.NewRedoable(store.OpAddTombstone, 5, `INSERT INTO tombstone (dir, name, ino, successor, seq) VALUES (?1, ?2, ?3, ?4, ?5)
			ON CONFLICT DO UPDATE SET successor = excluded.successor, seq = excluded.seq`)
	succeedStmt        = store.NewRedoable(store.OpSucceed, 4, SucceedTombstones)
	anyTombstoneStmt   = store.NewStatement(`SELECT 1 FROM tombstone WHERE dir = ? LIMIT 1`)
	dropTombstonesStmt = store.NewStatement(`DELETE FROM tombstone WHERE dir = ?1 AND seq <= ?2 AND (successor = 0 OR NOT EXISTS
			(SELECT 1 FROM inode s WHERE s.ino = successor AND (s.state <> {removed} OR s.seq > ?2) AND NOT s.put_pub BETWEEN 1 AND ?3))`)
)

// mayBeListed reports whether a directory in the container may list a node. For a directory it
// also means that the node may have a listing there. A publication in progress may put any directory.
func mayBeListed(t *store.Tx, n *schema.Node) bool {
	return t.Ledger.InReach(n.PutPub) || n.IsDirectory() && t.Ledger.IsPublishing()
}

// leave adds a tombstone for an entry that has left a directory, if the container may list the
// entry and a form of the directory may have to. n is the node after the change. successor is the
// file that took the place; 0: none. The caller notes that the directory changed.
func leave(t *store.Tx, dir *schema.Node, name []byte, n *schema.Node, successor schema.Ino) error {
	if !mayBeListed(t, dir) || !mayBeListed(t, n) {
		return nil
	}
	if n.State == schema.Removed && successor == 0 {
		leads, err := HasTombstones(t, n)
		if err != nil || !leads {
			return err
		}
	}
	_, err := addTombstoneStmt.Exec(t, dir.Ino, name, n.Ino, successor, t.NextSeq())
	return err
}

// SucceedTombstones makes the inode ?2 the successor of ?1 in directories other than ?4, and of
// those that ?1 has succeeded. The number ?3 keeps the latter: the final form of the snapshot of a
// publication may list them.
const SucceedTombstones = `UPDATE tombstone SET successor = ?2, seq = CASE successor WHEN 0 THEN seq ELSE ?3 END
	WHERE ino = ?1 AND successor = 0 AND dir <> ?4 OR successor = ?1 AND successor > 0`

// succeed makes n the successor of old, a file that lost its last name, in dir, to n, and of the
// files whose successor old was: no listing need have old yet. A name of old that another file took
// before keeps that successor, and one that old had before in dir needs none.
func succeed(t *store.Tx, old, n, dir *schema.Node) error {
	_, err := succeedStmt.Exec(t, old.Ino, n.Ino, t.NextSeq(), dir.Ino)
	return err
}

// HasTombstones reports whether a directory has tombstones.
func HasTombstones(t *store.Tx, dir *schema.Node) (bool, error) {
	if !dir.IsDirectory() {
		return false, nil
	}
	var one int
	err := anyTombstoneStmt.QueryRow(t, dir.Ino).Scan(&one)
	if store.NoRows(err) {
		return false, nil
	}
	return err == nil, err
}

// DropTombstones deletes the tombstones of a directory that its final form of a snapshot does
// not list: all up to the snapshot's last change, except those whose successor had a name then
// and was not uploaded.
func DropTombstones(t *store.Tx, dir *schema.Node, snapshot uint64) error {
	_, err := dropTombstonesStmt.Exec(t, dir.Ino, snapshot, t.Ledger.Publication)
	return err
}
