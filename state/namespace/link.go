package namespace

import (
	"context"
	"fmt"

	"clfsload/clfs"
	"clfsload/state/garbage"
	"clfsload/state/schema"
	"clfsload/state/store"
)

// Link gives a node that is no directory one more name. Errors: ErrNoEntry when
// the node or the directory is gone, ErrNotDirectory, ErrNameTaken,
// ErrIsDirectory, ErrTooManyLinks.
func (j Names) Link(ctx context.Context, ino, dir schema.Ino, name []byte, now int64) (schema.Node, error) {
	var linked schema.Node
	err := j.Write(ctx, store.Acknowledged, func(t *store.Tx) (err error) {
		linked, err = addLinkTo(t, ino, dir, name, now)
		return err
	})
	if err != nil {
		return schema.Node{}, fmt.Errorf("link node %d in directory %d: %w", ino, dir, err)
	}
	return linked, nil
}

func addLinkTo(t *store.Tx, ino, dirIno schema.Ino, name []byte, now int64) (schema.Node, error) {
	dir, err := t.Directory(dirIno)
	if err != nil {
		return schema.Node{}, err
	}
	n, err := t.Node(ino)
	if err != nil {
		return schema.Node{}, err
	}
	if err := checkLink(n); err != nil {
		return schema.Node{}, err
	}
	if err := InsertEntry(t, dirIno, name, ino, true); err != nil {
		return schema.Node{}, err
	}
	nodeBefore, dirBefore := *n, *dir
	n.Attr.Ctime = now
	n.SetLinks(n.Links + 1)
	garbage.NoteMoved(t, n)
	if err := ShareEntry(t, n.Parent, n.Name); err != nil {
		return schema.Node{}, err
	}
	dir.Flags |= schema.Grown
	t.TouchDirectory(dir, now)
	if err := t.Save(&dirBefore, dir); err != nil {
		return schema.Node{}, err
	}
	return *n, t.Save(&nodeBefore, n)
}

func checkLink(n *schema.Node) error {
	switch {
	case n.State == schema.Removed:
		return schema.ErrNoEntry
	case n.IsDirectory():
		return schema.ErrIsDirectory
	}
	if err := n.CheckRead(); err != nil {
		return err
	}
	if n.Links >= clfs.MaxLinks {
		return schema.ErrTooManyLinks
	}
	return nil
}
