package state

var (
	addTombstoneStmt = newRedoable(opAddTombstone, 5, `INSERT INTO tombstone (dir, name, ino, successor, seq) VALUES (?1, ?2, ?3, ?4, ?5)
			ON CONFLICT DO UPDATE SET successor = excluded.successor, seq = excluded.seq`)
	succeedStmt        = newRedoable(opSucceed, 4, succeedTombstones)
	anyTombstoneStmt   = newStatement(`SELECT 1 FROM tombstone WHERE dir = ? LIMIT 1`)
	dropTombstonesStmt = newStatement(`DELETE FROM tombstone WHERE dir = ?1 AND seq <= ?2 AND (successor = 0 OR NOT EXISTS
			(SELECT 1 FROM inode s WHERE s.ino = successor AND (s.state <> {removed} OR s.seq > ?2) AND NOT s.put_pub BETWEEN 1 AND ?3))`)
)

// mayBeListed reports whether a directory in the container may list a node. For a directory it
// also means that the node may have a listing there. A publication in progress may put any directory.
func mayBeListed(t *tx, n *Node) bool {
	return t.ledger.inReach(n.PutPub) || n.IsDirectory() && t.ledger.isPublishing()
}

// leave adds a tombstone for an entry that has left a directory, if the container may list the
// entry and a form of the directory may have to. n is the node after the change. successor is the
// file that took the place; 0: none. The caller notes that the directory changed.
func leave(t *tx, dir *Node, name []byte, n *Node, successor Ino) error {
	if !mayBeListed(t, dir) || !mayBeListed(t, n) {
		return nil
	}
	if n.State == Removed && successor == 0 {
		leads, err := hasTombstones(t, n)
		if err != nil || !leads {
			return err
		}
	}
	_, err := addTombstoneStmt.Exec(t, dir.Ino, name, n.Ino, successor, t.nextSeq())
	return err
}

// succeedTombstones makes the inode ?2 the successor of ?1 in directories other than ?4, and of
// those that ?1 has succeeded. The number ?3 keeps the latter: the final form of the snapshot of a
// publication may list them.
const succeedTombstones = `UPDATE tombstone SET successor = ?2, seq = CASE successor WHEN 0 THEN seq ELSE ?3 END
	WHERE ino = ?1 AND successor = 0 AND dir <> ?4 OR successor = ?1 AND successor > 0`

// succeed makes n the successor of old, a file that lost its last name, in dir, to n, and of the
// files whose successor old was: no listing need have old yet. A name of old that another file took
// before keeps that successor, and one that old had before in dir needs none.
func succeed(t *tx, old, n, dir *Node) error {
	_, err := succeedStmt.Exec(t, old.Ino, n.Ino, t.nextSeq(), dir.Ino)
	return err
}

// hasTombstones reports whether a directory has tombstones.
func hasTombstones(t *tx, dir *Node) (bool, error) {
	if !dir.IsDirectory() {
		return false, nil
	}
	var one int
	err := anyTombstoneStmt.QueryRow(t, dir.Ino).Scan(&one)
	if noRows(err) {
		return false, nil
	}
	return err == nil, err
}

// dropTombstones deletes the tombstones of a directory that its final form of a snapshot does
// not list: all up to the snapshot's last change, except those whose successor had a name then
// and was not uploaded.
func dropTombstones(t *tx, dir *Node, snapshot uint64) error {
	_, err := dropTombstonesStmt.Exec(t, dir.Ino, snapshot, t.ledger.publication)
	return err
}

// leadsOn is true if the removed directory i leads, through tombstones of removed directories,
// to an inode with a name or with a live successor. ?1 is the type of directories.
const leadsOn = `EXISTS (WITH RECURSIVE below (dir) AS (VALUES (i.ino)
			UNION SELECT t.ino FROM below CROSS JOIN tombstone t ON t.dir = below.dir CROSS JOIN inode n ON n.ino = t.ino
			WHERE n.state = {removed} AND n.type = ?1)
		SELECT 1 FROM below CROSS JOIN tombstone t ON t.dir = below.dir CROSS JOIN inode n ON n.ino = t.ino
		LEFT JOIN inode s ON s.ino = t.successor WHERE n.state <> {removed} OR s.state <> {removed})`

// Tombstone is an entry that the listing of a directory in the container may have and the
// directory no longer has, as of a snapshot. docs/design.md, "How a publication goes".
type Tombstone struct {
	SnapshotChild
	Seq       uint64 // number of the change by which it left
	Successor Successor
	// Lives: its inode has a name in another directory, or is a removed, reached directory
	// that leads to an inode with a name or with a live successor.
	Lives bool
	// NameTaken: the directory has an entry of this name that it lists.
	NameTaken bool
}

// Successor is the state of the file that took the place of another one.
type Successor int

const (
	NoSuccessor   Successor = iota // there is none, it was removed, or the same directory lists it
	Waiting                        // it has a name and is not uploaded
	ListedOutside                  // it is uploaded, and has names in other directories only
)

// tombstonesQuery lists the tombstones of the directory ?2, except those that no form lists.
// Of several of an inode with one name it lists the first that left, as the container is likeliest to
// have that name, and those with successors.
const tombstonesQuery = `SELECT name, ino, seq, handle, type, lives, successor, taken FROM (
	SELECT t.name, t.ino, t.seq, i.handle, i.type,
		CASE WHEN i.state <> {removed} AND (i.links = 1 OR i.type = ?1) THEN i.parent <> ?2
			WHEN i.state <> {removed} THEN EXISTS (SELECT 1 FROM dirent d WHERE d.shared = 1 AND d.ino = i.ino AND d.parent <> ?2)
			ELSE i.type = ?1 AND i.put_pub BETWEEN 1 AND ?3 AND ` + leadsOn + ` END AS lives,
		CASE WHEN s.ino IS NULL OR s.state = {removed} THEN 0 WHEN s.put_pub = 0 THEN 1
			WHEN s.parent = ?2 OR EXISTS (SELECT 1 FROM dirent d WHERE d.shared = 1 AND d.ino = s.ino AND d.parent = ?2) THEN 0
			ELSE 2 END AS successor,
		e.ino IS NOT NULL AND (e.put_pub > 0 OR e.type = ?1 AND e.state <> {failed}) AS taken
	FROM tombstone t CROSS JOIN inode i ON i.ino = t.ino LEFT JOIN inode s ON s.ino = t.successor
	LEFT JOIN dirent h ON h.parent = t.dir AND h.name = t.name LEFT JOIN inode e ON e.ino = h.ino
	WHERE t.dir = ?2 AND (t.name, t.ino) > (?4, ?5) AND h.ino IS NOT t.ino
	AND NOT ((i.links < 2 OR i.type = ?1) AND t.successor = 0 AND EXISTS (SELECT 1 FROM tombstone o
		WHERE o.ino = t.ino AND o.dir = ?2 AND o.successor = 0 AND o.seq < t.seq)))
	WHERE lives OR successor ORDER BY name, ino LIMIT ?6`
