package fusefs

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"clfsload/clfs"
)

// directory is a directory.
type directory struct {
	inode
	lookups follower    // which entries are looked at
	opens   follower    // which files are opened
	walked  atomic.Bool // it was listed after the directory above it: somebody walks down
}

var (
	_ fs.NodeLookuper       = (*directory)(nil)
	_ fs.NodeOpendirHandler = (*directory)(nil)
)

// place is where an inode was looked up.
type place struct {
	dir  *directory
	slot slot
}

// Lookup finds an entry.
func (d *directory) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	child, err := d.lookup(ctx, name, out)
	if err != nil {
		return nil, d.sys.fail("look up", d.pathOf(name), err)
	}
	return child, 0
}

func (d *directory) lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fs.Inode, error) {
	l, err := d.sys.listing(ctx, d.id)
	if err != nil {
		return nil, err
	}
	id, at, rest, err := d.sys.find(ctx, l, name)
	if err != nil {
		return nil, err
	}
	if d.lookups.step(at, entriesAhead) {
		d.inodesAhead(l, at, rest)
	}
	n, err := d.sys.node(ctx, id)
	if err != nil {
		return nil, err
	}
	if d.walked.Load() {
		d.sys.firstAhead(n)
	}
	mode := n.Inode().Attr.Type.ModeBits()
	if err := d.refuseLoop(id, n); err != nil {
		return nil, err
	}
	ops := d.sys.newInode(id, n, place{d, at})
	out.Attr = attributes(id, n.Inode())
	return d.NewInode(ctx, ops, identity(id, mode)), nil
}

// errLoop says that a directory contains itself.
var errLoop = errors.New("the container breaks the format: a directory contains itself")

// refuseLoop refuses an entry that leads back to this directory or one above it.
func (d *directory) refuseLoop(id clfs.ID, n Node) error {
	if n.Inode().Attr.Type != clfs.TypeDirectory {
		return nil
	}
	for at := d.EmbeddedInode(); at != nil; _, at = at.Parent() {
		if above, ok := at.Operations().(*directory); ok && above.id == id {
			return fmt.Errorf("directory %s: %w", id, errLoop)
		}
	}
	return nil
}

// OpendirHandle opens the directory for listing.
func (d *directory) OpendirHandle(ctx context.Context, _ uint32) (fs.FileHandle, uint32, syscall.Errno) {
	l, err := d.sys.listing(ctx, d.id)
	if err != nil {
		return nil, 0, d.sys.fail("open directory", d.Path(nil), err)
	}
	d.lookups.expect()
	if above, ok := d.above(); ok && above.lookups.listing() {
		d.walked.Store(true)
	}
	d.copying(l)
	return &dirStream{dir: d, list: l}, fuse.FOPEN_CACHE_DIR | fuse.FOPEN_KEEP_CACHE, 0
}

// above is the directory in which this one was looked up.
func (d *directory) above() (*directory, bool) {
	_, parent := d.Parent()
	if parent == nil {
		return nil, false
	}
	above, ok := parent.Operations().(*directory)
	return above, ok
}

// parentNumber is the inode number of "..".
func (d *directory) parentNumber() uint64 {
	if _, parent := d.Parent(); parent != nil {
		return parent.StableAttr().Ino
	}
	return d.StableAttr().Ino
}

// pathOf is the path of an entry, for messages.
func (d *directory) pathOf(name string) string {
	if path := d.Path(nil); path != "" {
		return path + "/" + name
	}
	return name
}
