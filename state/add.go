package state

import (
	"context"
	"fmt"

	"clfsload/clfs"
)

// Names is the part of a journal that calls of a mount change: entries of directories, and the
// nodes that they stand for.
type Names struct{ *Store }

// Addition is a new node.
type Addition struct {
	Dir    Ino
	Name   []byte
	Attr   Attr   // Type, Mode, UID, GID, Mtime, Ctime, Atime, Rdev, and Size for a symbolic link
	Target []byte // of a symbolic link
	Open   bool   // a writer has it open
}

// Add makes a node; its Ctime becomes the directory's mtime and ctime. Errors:
// ErrNoEntry when the directory is gone, ErrNotDirectory, ErrNameTaken.
func (j Names) Add(ctx context.Context, a Addition) (Node, error) {
	var added Node
	err := j.write(ctx, acknowledged, func(t *tx) (err error) {
		added, err = createNode(t, &a)
		return err
	})
	if err != nil {
		return Node{}, fmt.Errorf("add to directory %d: %w", a.Dir, err)
	}
	return added, nil
}

func createNode(t *tx, a *Addition) (Node, error) {
	dir, err := t.directory(a.Dir)
	if err != nil {
		return Node{}, err
	}
	if err := insertEntry(t, a.Dir, a.Name, t.ledger.nextIno, false); err != nil {
		return Node{}, err
	}
	n := newNode(t, dir, a)
	if err := t.insertNode(&n); err != nil {
		return Node{}, err
	}
	before := *dir
	if n.IsDirectory() {
		dir.Links++
	}
	dir.Flags |= Grown
	t.touchDirectory(dir, a.Attr.Ctime)
	return n, t.save(&before, dir)
}

func newNode(t *tx, dir *Node, a *Addition) Node {
	n := Node{Version: clfs.FirstVersion}
	n.Ino, n.Parent, n.Name, n.Attr, n.Target = t.ledger.nextIno, dir.Ino, a.Name, a.Attr, a.Target
	t.ledger.nextIno++
	n.ID = clfs.NewHandle(t.settings.Key, t.settings.ContainerID, dir.ID, a.Attr.Type,
		t.dirMgr(&dir.Inode, a.Attr.Type), uint64(n.Ino))
	n.Seq = t.nextSeq()
	n.Cseq = n.Seq
	n.State, n.Links = Dirty, 1
	if n.IsDirectory() {
		n.State, n.Links = Held, 2
	}
	if a.Open {
		n.Flags |= Opened | Content
	}
	n.Attr.Dev, n.Attr.Ino, n.Attr.Nlink = 0, uint64(n.Ino), uint64(n.Links)
	return n
}
