package state

import (
	"context"
	"fmt"

	"clfsload/state/journal"
)

var (
	anyEntryStmt  = newStatement(`SELECT 1 FROM dirent WHERE parent = ? LIMIT 1`)
	otherNameStmt = newStatement(`SELECT parent, name FROM dirent WHERE shared = 1 AND ino = ? ORDER BY cookie LIMIT 1`)
)

// Unlink takes a name away from a node that is no directory, and returns the node
// as it is then. When that was its last name its state is Removed, and it has the
// flag Orphan if inUse reports it: then it goes on existing until Disown. inUse is
// called within the transaction and must not use the journal. Errors: ErrNoEntry,
// ErrNotDirectory, ErrIsDirectory.
func (j Names) Unlink(ctx context.Context, dir Ino, name []byte, now int64, inUse func(Ino) bool) (Node, error) {
	return j.unlink(ctx, &removal{dir: dir, name: name, now: now, inUse: inUse})
}

// Rmdir is Unlink for an empty directory. Errors: ErrNoEntry, ErrNotDirectory,
// ErrNotEmpty.
func (j Names) Rmdir(ctx context.Context, dir Ino, name []byte, now int64, inUse func(Ino) bool) (Node, error) {
	return j.unlink(ctx, &removal{dir: dir, name: name, now: now, inUse: inUse, directory: true})
}

// removal is what is to be taken away, and how.
type removal struct {
	dir       Ino
	name      []byte
	now       int64
	inUse     func(Ino) bool
	directory bool
	successor *Node // what takes the name's place, or nil
	keepTimes bool  // of dir
}

func (j Names) unlink(ctx context.Context, r *removal) (Node, error) {
	var gone Node
	err := j.write(ctx, acknowledged, func(t *tx) (err error) {
		gone, err = unlink(t, r)
		return err
	})
	if err != nil {
		return Node{}, fmt.Errorf("remove from directory %d: %w", r.dir, err)
	}
	return gone, nil
}

func unlink(t *tx, r *removal) (Node, error) {
	dir, err := t.directory(r.dir)
	if err != nil {
		return Node{}, err
	}
	e, err := findEntry(t, r.dir, r.name)
	if err != nil {
		return Node{}, err
	}
	n, err := t.node(e.ino)
	if err != nil {
		return Node{}, err
	}
	if err := checkRemoval(t, n, r.directory); err != nil {
		return Node{}, err
	}
	if err := checkOtherName(t, n); err != nil {
		return Node{}, err
	}
	if err := dropEntry(t, r.dir, r.name); err != nil {
		return Node{}, err
	}
	before := *dir
	if err := dropName(t, n, r, dir); err != nil {
		return Node{}, err
	}
	if r.keepTimes {
		t.touch(dir)
	} else {
		t.touchDirectory(dir, r.now)
	}
	return *n, t.save(&before, dir)
}

// checkRemoval says whether a node may be removed as a directory, or as
// something else.
func checkRemoval(t *tx, n *Node, directory bool) error {
	switch {
	case n.IsDirectory() && !directory:
		return ErrIsDirectory
	case !n.IsDirectory() && directory:
		return ErrNotDirectory
	}
	if err := n.checkRead(); err != nil || !directory {
		return err
	}
	empty, err := isEmpty(t, n.Ino)
	if err == nil && !empty {
		err = ErrNotEmpty
	}
	return err
}

// dropName notes that a node has lost a name in dir, whose entry is gone already.
func dropName(t *tx, n *Node, r *removal, dir *Node) error {
	before := *n
	n.Attr.Ctime = r.now
	if n.IsDirectory() {
		dir.Links--
	}
	if err := dropLink(t, n, r); err != nil {
		return err
	}
	if err := leaveName(t, n, r, dir); err != nil {
		return err
	}
	return t.save(&before, n)
}

// dropLink changes the row of a node that has lost a name.
func dropLink(t *tx, n *Node, r *removal) error {
	if n.IsDirectory() || n.Links == 1 {
		return remove(t, n, r.inUse)
	}
	n.setLinks(n.Links - 1)
	if n.Parent == r.dir && string(n.Name) == string(r.name) {
		if err := renameFirst(t, n); err != nil {
			return err
		}
	}
	noteMoved(t, n)
	return nil
}

// leaveName leaves the tombstone of a removal. A file that takes the place of another
// becomes its successor.
func leaveName(t *tx, n *Node, r *removal, dir *Node) error {
	if n.IsDirectory() || r.successor == nil {
		return leave(t, dir, r.name, n, 0)
	}
	if err := leave(t, dir, r.name, n, r.successor.Ino); err != nil || n.State != Removed {
		return err
	}
	return succeed(t, n, r.successor, dir)
}

// remove notes that a node has no name any more.
func remove(t *tx, n *Node, inUse func(Ino) bool) error {
	n.setLinks(0)
	n.Seq = t.nextSeq()
	n.State = Removed
	if inUse != nil && inUse(n.Ino) {
		n.Flags |= Orphan
	}
	// Now, while the directory that owns it is known.
	return abandon(t, n)
}

// renameFirst makes the oldest of the names that are left the first name.
func renameFirst(t *tx, n *Node) error {
	parent, name, known, err := otherName(t, n.Ino)
	if err != nil {
		return err
	}
	if !known {
		return fmt.Errorf("%w: inode %d has %d links and no name", journal.ErrDamaged, n.Ino, n.Links)
	}
	n.Name = name
	return reown(t, n, parent)
}

// Disown says that a node without a name is not in use any more.
func (j Names) Disown(ctx context.Context, ino Ino) error {
	_, err := j.change(ctx, ino, "disown", func(t *tx, n *Node) error {
		n.Flags &^= Orphan | Opened
		return nil
	})
	return err
}
