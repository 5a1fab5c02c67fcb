package garbage

import (
	"clfsload/clfs"
	"clfsload/state/schema"
	"clfsload/state/store"
)

var claimStmt = store.NewStatement(`DELETE FROM garbage WHERE ino = ? AND name = ?`)

// isBegun reports whether the next inode blob of a node may be in the container
// already.
func isBegun(t *store.Tx, n *schema.Node) bool {
	if n.IsDirectory() {
		return t.Ledger.IsPublishing() // nothing else puts them
	}
	return n.Flags&schema.Begun != 0
}

// Reown makes the node one of another directory: the name of its next blob
// changes by that.
func Reown(t *store.Tx, n *schema.Node, parent schema.Ino) error {
	if n.Parent == parent {
		return nil
	}
	if err := Abandon(t, n); err != nil {
		return err
	}
	n.Parent = parent
	return nil
}

// Abandon makes garbage of the next inode blob of a node, which may be in the
// container already: of a directory of the next two, for its interim and its final form.
// Their versions are not used again.
func Abandon(t *store.Tx, n *schema.Node) error {
	if !isBegun(t, n) {
		return nil
	}
	owner, err := t.Handle(n.Parent)
	if err != nil {
		return err
	}
	n.Flags &^= schema.Begun
	puts := 1
	if n.IsDirectory() {
		puts = 2
	}
	for range puts {
		if err := Add(t, n.Ino, AtOnce, clfs.ObjectName(n.ID, owner, n.Attr.Type, n.Version)); err != nil {
			return err
		}
		n.Version++
	}
	return nil
}

// NoteMoved notes that the names of a node changed, after reown. A publication may
// put it from now on when it is published.
func NoteMoved(t *store.Tx, n *schema.Node) {
	t.Touch(n)
	if n.IsDirectory() {
		return
	}
	n.Flags |= schema.Renamed
	if n.PutPub != 0 {
		n.Flags |= schema.Begun
	}
}

// RecordVersion notes that an inode blob is in the container; the one before it
// is garbage. publication is the number of the first one that may lead to the node if none
// did before.
func RecordVersion(t *store.Tx, n *schema.Node, version uint32, owner, publication uint64) error {
	if n.PutVersion != 0 {
		if err := DiscardVersion(t, n); err != nil {
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

// DiscardVersion makes garbage of the inode blob in the container, and of lower versions.
func DiscardVersion(t *store.Tx, n *schema.Node) error {
	if err := Add(t, n.Ino, AtOnce, n.PutName()); err != nil {
		return err
	}
	if n.Flags&schema.OlderVersions != 0 {
		if err := AddForeign(t, n.Ino, AtOnce, []Foreign{{OldVersions, n.ID, n.PutVersion, n.ID}}); err != nil {
			return err
		}
	}
	n.Flags &^= schema.OlderVersions | schema.NamedHardLink
	return nil
}

// Reclaim takes a blob out of the garbage.
func Reclaim(t *store.Tx, ino schema.Ino, name string) error {
	_, err := claimStmt.Exec(t, ino, name)
	return err
}
