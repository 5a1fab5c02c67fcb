package state

import (
	"context"
	"fmt"

	"clfsload/clfs"
)

// Link gives a node that is no directory one more name. Errors: ErrNoEntry when
// the node or the directory is gone, ErrNotDirectory, ErrNameTaken,
// ErrIsDirectory, ErrTooManyLinks.
func (j Names) Link(ctx context.Context, ino, dir Ino, name []byte, now int64) (Node, error) {
	var linked Node
	err := j.write(ctx, acknowledged, func(t *tx) (err error) {
		linked, err = addLinkTo(t, ino, dir, name, now)
		return err
	})
	if err != nil {
		return Node{}, fmt.Errorf("link node %d in directory %d: %w", ino, dir, err)
	}
	return linked, nil
}

func addLinkTo(t *tx, ino, dirIno Ino, name []byte, now int64) (Node, error) {
	dir, err := t.directory(dirIno)
	if err != nil {
		return Node{}, err
	}
	n, err := t.node(ino)
	if err != nil {
		return Node{}, err
	}
	if err := checkLink(n); err != nil {
		return Node{}, err
	}
	if err := insertEntry(t, dirIno, name, ino, true); err != nil {
		return Node{}, err
	}
	nodeBefore, dirBefore := *n, *dir
	n.Attr.Ctime = now
	n.setLinks(n.Links + 1)
	noteMoved(t, n)
	if err := shareEntry(t, n.Parent, n.Name); err != nil {
		return Node{}, err
	}
	dir.Flags |= Grown
	t.touchDirectory(dir, now)
	if err := t.save(&dirBefore, dir); err != nil {
		return Node{}, err
	}
	return *n, t.save(&nodeBefore, n)
}

func checkLink(n *Node) error {
	switch {
	case n.State == Removed:
		return ErrNoEntry
	case n.IsDirectory():
		return ErrIsDirectory
	}
	if err := n.checkRead(); err != nil {
		return err
	}
	if n.Links >= clfs.MaxLinks {
		return ErrTooManyLinks
	}
	return nil
}
