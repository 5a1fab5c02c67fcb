package namespace

import (
	"context"
	"fmt"

	"clfsload/state/garbage"
	"clfsload/state/journal"
	"clfsload/state/schema"
	"clfsload/state/store"
)

var (
	anyEntryStmt  = store.NewStatement(`SELECT 1 FROM dirent WHERE parent = ? LIMIT 1`)
	otherNameStmt = store.NewStatement(`SELECT parent, name FROM dirent WHERE shared = 1 AND ino = ? ORDER BY cookie LIMIT 1`)
)

// Unlink takes a name away from a node that is no directory, and returns the node
// as it is then. When that was its last name its state is Removed, and it has the
// flag Orphan if inUse reports it: then it goes on existing until Disown. inUse is
// called within the transaction and must not use the journal. Errors: ErrNoEntry,
// ErrNotDirectory, ErrIsDirectory.
func (j Names) Unlink(ctx context.Context, dir schema.Ino, name []byte, now int64, inUse func(schema.Ino) bool) (schema.Node, error) {
	return j.unlink(ctx, &Removal{Dir: dir, Name: name, Now: now, InUse: inUse})
}

// Rmdir is Unlink for an empty directory. Errors: ErrNoEntry, ErrNotDirectory,
// ErrNotEmpty.
func (j Names) Rmdir(ctx context.Context, dir schema.Ino, name []byte, now int64, inUse func(schema.Ino) bool) (schema.Node, error) {
	return j.unlink(ctx, &Removal{Dir: dir, Name: name, Now: now, InUse: inUse, Directory: true})
}

// Removal is what is to be taken away, and how.
type Removal struct {
	Dir       schema.Ino
	Name      []byte
	Now       int64
	InUse     func(schema.Ino) bool
	Directory bool
	Successor *schema.Node // what takes the name's place, or nil
	KeepTimes bool         // of dir
}

func (j Names) unlink(ctx context.Context, r *Removal) (schema.Node, error) {
	var gone schema.Node
	err := j.Write(ctx, store.Acknowledged, func(t *store.Tx) (err error) {
		gone, err = Unlink(t, r)
		return err
	})
	if err != nil {
		return schema.Node{}, fmt.Errorf("remove from directory %d: %w", r.Dir, err)
	}
	return gone, nil
}

func Unlink(t *store.Tx, r *Removal) (schema.Node, error) {
	dir, err := t.Directory(r.Dir)
	if err != nil {
		return schema.Node{}, err
	}
	e, err := FindEntry(t, r.Dir, r.Name)
	if err != nil {
		return schema.Node{}, err
	}
	n, err := t.Node(e.Ino)
	if err != nil {
		return schema.Node{}, err
	}
	if err := CheckRemoval(t, n, r.Directory); err != nil {
		return schema.Node{}, err
	}
	if err := CheckOtherName(t, n); err != nil {
		return schema.Node{}, err
	}
	if err := DropEntry(t, r.Dir, r.Name); err != nil {
		return schema.Node{}, err
	}
	before := *dir
	if err := DropName(t, n, r, dir); err != nil {
		return schema.Node{}, err
	}
	if r.KeepTimes {
		t.Touch(dir)
	} else {
		t.TouchDirectory(dir, r.Now)
	}
	return *n, t.Save(&before, dir)
}

// CheckRemoval says whether a node may be removed as a directory, or as
// something else.
func CheckRemoval(t *store.Tx, n *schema.Node, directory bool) error {
	switch {
	case n.IsDirectory() && !directory:
		return schema.ErrIsDirectory
	case !n.IsDirectory() && directory:
		return schema.ErrNotDirectory
	}
	if err := n.CheckRead(); err != nil || !directory {
		return err
	}
	empty, err := IsEmpty(t, n.Ino)
	if err == nil && !empty {
		err = schema.ErrNotEmpty
	}
	return err
}

// DropName notes that a node has lost a name in dir, whose entry is gone already.
func DropName(t *store.Tx, n *schema.Node, r *Removal, dir *schema.Node) error {
	before := *n
	n.Attr.Ctime = r.Now
	if n.IsDirectory() {
		dir.Links--
	}
	if err := dropLink(t, n, r); err != nil {
		return err
	}
	if err := leaveName(t, n, r, dir); err != nil {
		return err
	}
	return t.Save(&before, n)
}

// dropLink changes the row of a node that has lost a name.
func dropLink(t *store.Tx, n *schema.Node, r *Removal) error {
	if n.IsDirectory() || n.Links == 1 {
		return remove(t, n, r.InUse)
	}
	n.SetLinks(n.Links - 1)
	if n.Parent == r.Dir && string(n.Name) == string(r.Name) {
		if err := renameFirst(t, n); err != nil {
			return err
		}
	}
	garbage.NoteMoved(t, n)
	return nil
}

// leaveName leaves the tombstone of a removal. A file that takes the place of another
// becomes its successor.
func leaveName(t *store.Tx, n *schema.Node, r *Removal, dir *schema.Node) error {
	if n.IsDirectory() || r.Successor == nil {
		return leave(t, dir, r.Name, n, 0)
	}
	if err := leave(t, dir, r.Name, n, r.Successor.Ino); err != nil || n.State != schema.Removed {
		return err
	}
	return succeed(t, n, r.Successor, dir)
}

// remove notes that a node has no name any more.
func remove(t *store.Tx, n *schema.Node, inUse func(schema.Ino) bool) error {
	n.SetLinks(0)
	n.Seq = t.NextSeq()
	n.State = schema.Removed
	if inUse != nil && inUse(n.Ino) {
		n.Flags |= schema.Orphan
	}
	// Now, while the directory that owns it is known.
	return garbage.Abandon(t, n)
}

// renameFirst makes the oldest of the names that are left the first name.
func renameFirst(t *store.Tx, n *schema.Node) error {
	parent, name, known, err := OtherName(t, n.Ino)
	if err != nil {
		return err
	}
	if !known {
		return fmt.Errorf("%w: inode %d has %d links and no name", journal.ErrDamaged, n.Ino, n.Links)
	}
	n.Name = name
	return garbage.Reown(t, n, parent)
}

// Disown says that a node without a name is not in use any more.
func (j Names) Disown(ctx context.Context, ino schema.Ino) error {
	_, err := j.Change(ctx, ino, "disown", func(t *store.Tx, n *schema.Node) error {
		n.Flags &^= schema.Orphan | schema.Opened
		return nil
	})
	return err
}
