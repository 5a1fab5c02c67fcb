package state

import (
	"clfsload/clfs"
)

// atOnce is when a blob that nothing reaches may be deleted: as soon as no put
// is under way.
const atOnce = 0

func (t *tx) addGarbage(ino Ino, after uint64, name string) error {
	_, err := t.mount.addGarbage.Exec(ino, after, name)
	return err
}

// isBegun reports whether the next inode blob of a node may be in the container
// already.
func (t *tx) isBegun(n *Node) bool {
	if n.IsDirectory() {
		// Directories are put by publications alone.
		return n.PutSeq != 0 || t.ledger.publishing != 0
	}
	return n.Flags&Begun != 0
}

// reown makes the node one of another directory. The name of its next blob
// changes by that; what may be there under the present one becomes garbage, and
// its version is not used again.
func (t *tx) reown(n *Node, parent Ino) error {
	if n.Parent == parent {
		return nil
	}
	if t.isBegun(n) {
		owner, err := t.handle(n.Parent)
		if err != nil {
			return err
		}
		if err := t.addGarbage(n.Ino, atOnce, clfs.ObjectName(n.ID, owner, n.Attr.Type, n.Version)); err != nil {
			return err
		}
		n.Version++
		n.Flags &^= Begun
	}
	n.Parent = parent
	return nil
}

// rename notes that the names of a node changed. A publication may put it from
// now on when it is published.
func (t *tx) noteMoved(n *Node) {
	t.touch(n)
	if n.IsDirectory() {
		return
	}
	n.Flags |= Moved
	if n.PutSeq != 0 {
		n.Flags |= Begun
	}
}

// handle returns the id of a directory.
func (t *tx) handle(dir Ino) (clfs.ID, error) {
	if dir == RootIno {
		return clfs.RootID, nil
	}
	var id []byte
	err := t.mount.handle.QueryRow(dir).Scan(&id)
	return clfs.ID(id), err
}
