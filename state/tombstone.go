package state

// mayBeListed reports whether a directory in the container may list a node, and of a
// directory also whether it may have a listing there itself: a publication has put it, or
// the one under way is about to.
func (t *tx) mayBeListed(n *Node) bool {
	return t.ledger.inReach(n.PutPub) || n.IsDirectory() && t.ledger.isPublishing()
}

// leave keeps, as a tombstone, an entry that has left a directory, if the container may list
// it and something may still be found by it. successor is the file that took its place, and
// 0 if none did. A directory is to be put again then, which the caller notes.
func (t *tx) leave(dir *Node, name []byte, n *Node, successor Ino) error {
	if !t.mayBeListed(dir) || !t.mayBeListed(n) {
		return nil
	}
	if n.State == Removed && successor == 0 {
		leads, err := t.hasTombstones(n)
		if err != nil || !leads {
			return err
		}
	}
	_, err := t.mount.addTombstone.Exec(dir.Ino, name, n.Ino, successor, t.nextSeq())
	return err
}

// succeed notes that n stands for old, a file that lost its last name by it. Readers find
// what old stood for until n is uploaded: old itself if it is in reach, and otherwise what
// old has replaced.
func (t *tx) succeed(old, n *Node) error {
	stmt := &t.mount.passTombstones
	if t.ledger.inReach(old.PutPub) {
		stmt = &t.mount.handTombstones
	}
	_, err := stmt.Exec(old.Ino, n.Ino, t.nextSeq())
	return err
}

// hasTombstones reports whether a directory has tombstones.
func (t *tx) hasTombstones(dir *Node) (bool, error) {
	if !dir.IsDirectory() {
		return false, nil
	}
	var one int
	err := t.mount.anyTombstone.QueryRow(dir.Ino).Scan(&one)
	if noRows(err) {
		return false, nil
	}
	return err == nil, err
}

// dropTombstones forgets those of a directory that its final form, as a snapshot has it,
// does not list: all up to the number of the snapshot's last change, but for those of files
// whose successor lived then and was not uploaded.
func (t *tx) dropTombstones(dir *Node, snapshot uint64) error {
	_, err := t.mount.dropTombstones.Exec(dir.Ino, snapshot, t.ledger.publication)
	return err
}

// leadsOn is an expression that holds for a removed directory, i, by which something may be
// found that lives. ?1 is the type of directories.
const leadsOn = `EXISTS (WITH RECURSIVE below (dir) AS (VALUES (i.ino)
			UNION SELECT t.ino FROM below CROSS JOIN tombstone t ON t.dir = below.dir CROSS JOIN inode n ON n.ino = t.ino
			WHERE n.state = 7 AND n.type = ?1)
		SELECT 1 FROM below CROSS JOIN tombstone t ON t.dir = below.dir CROSS JOIN inode n ON n.ino = t.ino
		LEFT JOIN inode s ON s.ino = t.successor WHERE n.state <> 7 OR s.state <> 7)`

// Tombstone is an entry that the container may list in a directory which does not have it.
// What is not known of it is that of a snapshot.
type Tombstone struct {
	SnapshotChild
	Seq       uint64 // number of the change by which it left
	Successor Successor
	// Lives: its inode has a name in other directories alone, or is a removed directory by
	// which something may be found that lives.
	Lives bool
}

// Successor says what has become of the file that took the place of another.
type Successor int

const (
	NoSuccessor   Successor = iota // there is none, it is gone, or the directory lists it
	Waiting                        // it is not uploaded
	ListedOutside                  // it is uploaded, and other directories list it
)

// tombstonesQuery lists the tombstones of a directory, ?2, but for those that no form lists.
const tombstonesQuery = `SELECT name, ino, seq, handle, type, lives, successor FROM (
	SELECT t.name, t.ino, t.seq, i.handle, i.type,
		CASE WHEN i.state <> 7 THEN NOT (i.parent = ?2 AND (i.links = 1 OR i.type = ?1))
				AND NOT EXISTS (SELECT 1 FROM dirent d WHERE d.shared = 1 AND d.ino = i.ino AND d.parent = ?2)
			ELSE i.type = ?1 AND i.put_pub BETWEEN 1 AND ?3 AND ` + leadsOn + ` END AS lives,
		CASE WHEN s.ino IS NULL OR s.state = 7 THEN 0 WHEN s.put_version = 0 THEN 1
			WHEN s.parent = ?2 OR EXISTS (SELECT 1 FROM dirent d WHERE d.shared = 1 AND d.ino = s.ino AND d.parent = ?2) THEN 0
			ELSE 2 END AS successor
	FROM tombstone t CROSS JOIN inode i ON i.ino = t.ino LEFT JOIN inode s ON s.ino = t.successor
	WHERE t.dir = ?2 AND (t.name, t.ino) > (?4, ?5))
	WHERE lives OR successor ORDER BY name, ino LIMIT ?6`
