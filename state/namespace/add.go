package namespace

import (
	"context"
	"fmt"

	"clfsload/clfs"
	"clfsload/state/schema"
	"clfsload/state/store"
)

// Names is the part of a journal that calls of a mount change: entries of directories, and the
// nodes that they stand for.
type Names struct{ *store.Store }

// Addition is a new node.
type Addition struct {
	Dir    schema.Ino
	Name   []byte
	Attr   schema.Attr // Type, Mode, UID, GID, Mtime, Ctime, Atime, Rdev, and Size for a symbolic link
	Target []byte      // of a symbolic link
	Open   bool        // a writer has it open
}

// Add makes a node; its Ctime becomes the directory's mtime and ctime. Errors:
// ErrNoEntry when the directory is gone, ErrNotDirectory, ErrNameTaken.
func (j Names) Add(ctx context.Context, a Addition) (schema.Node, error) {
	var added schema.Node
	err := j.Write(ctx, store.Acknowledged, func(t *store.Tx) (err error) {
		added, err = Create(t, &a)
		return err
	})
	if err != nil {
		return schema.Node{}, fmt.Errorf("add to directory %d: %w", a.Dir, err)
	}
	return added, nil
}

func Create(t *store.Tx, a *Addition) (schema.Node, error) {
	dir, err := t.Directory(a.Dir)
	if err != nil {
		return schema.Node{}, err
	}
	if err := InsertEntry(t, a.Dir, a.Name, t.Ledger.NextIno, false); err != nil {
		return schema.Node{}, err
	}
	n := newNode(t, dir, a)
	if err := t.InsertNode(&n); err != nil {
		return schema.Node{}, err
	}
	before := *dir
	if n.IsDirectory() {
		dir.Links++
	}
	dir.Flags |= schema.Grown
	t.TouchDirectory(dir, a.Attr.Ctime)
	return n, t.Save(&before, dir)
}

func newNode(t *store.Tx, dir *schema.Node, a *Addition) schema.Node {
	n := schema.Node{Version: clfs.FirstVersion}
	n.Ino, n.Parent, n.Name, n.Attr, n.Target = t.Ledger.NextIno, dir.Ino, a.Name, a.Attr, a.Target
	t.Ledger.NextIno++
	n.ID = clfs.NewHandle(t.Settings.Key, t.Settings.ContainerID, dir.ID, a.Attr.Type,
		t.DirMgr(&dir.Inode, a.Attr.Type), uint64(n.Ino))
	n.Seq = t.NextSeq()
	n.Cseq = n.Seq
	n.State, n.Links = schema.Dirty, 1
	if n.IsDirectory() {
		n.State, n.Links = schema.Held, 2
	}
	if a.Open {
		n.Flags |= schema.Opened | schema.Content
	}
	n.Attr.Dev, n.Attr.Ino, n.Attr.Nlink = 0, uint64(n.Ino), uint64(n.Links)
	return n
}
