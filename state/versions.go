package state

import "clfsload/clfs"

var claimStmt = newStatement(`DELETE FROM garbage WHERE ino = ? AND name = ?`)

// isBegun reports whether the next inode blob of a node may be in the container
// already.
func isBegun(t *tx, n *Node) bool {
	if n.IsDirectory() {
		return t.ledger.isPublishing() // nothing else puts them
	}
	return n.Flags&Begun != 0
}

// reown makes the node one of another directory: the name of its next blob
// changes by that.
func reown(t *tx, n *Node, parent Ino) error {
	if n.Parent == parent {
		return nil
	}
	if err := abandon(t, n); err != nil {
		return err
	}
	n.Parent = parent
	return nil
}

// abandon makes garbage of the next inode blob of a node, which may be in the
// container already: of a directory of the next two, for its interim and its final form.
// Their versions are not used again.
func abandon(t *tx, n *Node) error {
	if !isBegun(t, n) {
		return nil
	}
	owner, err := t.handle(n.Parent)
	if err != nil {
		return err
	}
	n.Flags &^= Begun
	puts := 1
	if n.IsDirectory() {
		puts = 2
	}
	for range puts {
		if err := addGarbage(t, n.Ino, atOnce, clfs.ObjectName(n.ID, owner, n.Attr.Type, n.Version)); err != nil {
			return err
		}
		n.Version++
	}
	return nil
}

// noteMoved notes that the names of a node changed, after reown. A publication may
// put it from now on when it is published.
func noteMoved(t *tx, n *Node) {
	t.touch(n)
	if n.IsDirectory() {
		return
	}
	n.Flags |= Moved
	if n.PutPub != 0 {
		n.Flags |= Begun
	}
}

// recordVersion notes that an inode blob is in the container; the one before it
// is garbage. publication is the number of the first one that may lead to the node if none
// did before.
func recordVersion(t *tx, n *Node, version uint32, owner, publication uint64) error {
	if n.PutVersion != 0 {
		if err := discardVersion(t, n); err != nil {
			return err
		}
	}
	n.PutVersion, n.PutOwner = version, owner
	if n.PutPub == 0 {
		n.PutPub = publication
	}
	n.Version = max(n.Version, version+1)
	return nil
}

// discardVersion makes garbage of the inode blob in the container, and of lower versions.
func discardVersion(t *tx, n *Node) error {
	if err := addGarbage(t, n.Ino, atOnce, n.PutName()); err != nil {
		return err
	}
	if n.Flags&OlderVersions != 0 {
		if err := addForeign(t, n.Ino, atOnce, []Foreign{{OldVersions, n.ID, n.PutVersion, n.ID}}); err != nil {
			return err
		}
	}
	n.Flags &^= OlderVersions | NamedHardLink
	return nil
}

// reclaim takes a blob out of the garbage.
func reclaim(t *tx, ino Ino, name string) error {
	_, err := claimStmt.Exec(t, ino, name)
	return err
}
