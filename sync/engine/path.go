package engine

import (
	"context"
	"fmt"

	"clfsload/state"
)

// A pathOf returns the path of an inode for a message. The path is looked up when the
// message is made: that costs the more the deeper the inode is.
type pathOf func() string

// pathOf is the path of an inode by its first name.
func (e *Engine) pathOf(ctx context.Context, in state.Inode) pathOf {
	return lazily(in.Ino, func() (string, error) { return e.journal.Path(context.WithoutCancel(ctx), in) })
}

// pathOf is the path of a node as of the snapshot.
func (p *publication) pathOf(ctx context.Context, n state.Node) pathOf {
	return lazily(n.Ino, func() (string, error) { return p.snap.Path(context.WithoutCancel(ctx), n) })
}

// lazily names an inode by its number when its path is not known: it may have no name
// any more.
func lazily(ino state.Ino, find func() (string, error)) pathOf {
	return func() string {
		path, err := find()
		if err != nil {
			return fmt.Sprintf("inode %d", ino)
		}
		return path
	}
}
