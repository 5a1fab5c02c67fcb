package readonly

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"clfsload/clfs"
	"clfsload/fusefs"
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
	_ fs.NodeGetattrer      = (*directory)(nil)
	_ fs.NodeOnForgetter    = (*directory)(nil)
	_ fs.NodeIoctler        = (*directory)(nil)
)

// place is where an inode was looked up.
type place struct {
	dir     *directory
	version uint64 // of the directory, in which slot is
	slot    slot
}

// Lookup finds an entry.
func (d *directory) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	child, err := d.lookup(ctx, name, out)
	if err != nil {
		return nil, d.sys.fail("look up", d.pathOf(name), err)
	}
	return child, 0
}

func (d *directory) lookup(ctx context.Context, name string, out *fuse.EntryOut) (child *fs.Inode, err error) {
	err = d.sys.asPublished(ctx, func(now round) error {
		child, err = d.lookupSince(ctx, now.since, name, out)
		if d.sys.follows() {
			out.SetEntryTimeout(now.left())
			out.SetAttrTimeout(now.left())
		}
		return err
	})
	return child, err
}

// lookupSince finds an entry of the directory as it was at a stamp or later.
func (d *directory) lookupSince(ctx context.Context, since uint64, name string, out *fuse.EntryOut) (*fs.Inode, error) {
	l, err := d.sys.listing(ctx, d.id, since)
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
	n, err := d.sys.nodeSince(ctx, id, since)
	if err != nil {
		return nil, d.sys.replaced(ctx, d.id, l.node, d.sys.places.spotOf(d.id), err)
	}
	if d.walked.Load() {
		d.sys.firstAhead(n)
	}
	if n.Inode().Attr.Type == clfs.TypeDirectory && !d.sys.places.put(id, spot{d.id, name}) {
		return nil, d.loopError(ctx, id, out)
	}
	ops := d.sys.newInode(id, n, place{d, l.node.Version(), at})
	out.Attr = attributes(id, n.Inode())
	return d.NewInode(ctx, ops, identity(id, n.Inode(), n.Version())), nil
}

// errLoop says that a directory contains itself.
var errLoop = errors.New("the container breaks the format: a directory contains itself")

// loopError is the error for an entry that leads back to this directory or one above it.
func (d *directory) loopError(ctx context.Context, id clfs.ID, out *fuse.EntryOut) error {
	if d.sys.publishing(ctx) {
		out.SetEntryTimeout(time.Nanosecond) // it is there once this directory is found elsewhere
		return ErrNoEntry
	}
	return fmt.Errorf("directory %s: %w", id, errLoop)
}

// OnForget is called when the kernel does not know the directory any longer.
func (d *directory) OnForget() { d.sys.places.forget(d.id) }

// hidden are the directories that this one does not list, because a publication that is under
// way may list them here and they are above: what they lead to is found there. Otherwise
// it is damage, and a lookup fails.
func (d *directory) hidden(ctx context.Context) map[clfs.ID]bool {
	if !d.sys.publishing(ctx) {
		return nil
	}
	return d.sys.places.above(d.id)
}

// OpendirHandle opens the directory for listing.
func (d *directory) OpendirHandle(ctx context.Context, _ uint32) (fs.FileHandle, uint32, syscall.Errno) {
	var l *listing
	err := d.sys.asPublished(ctx, func(now round) (err error) {
		l, err = d.sys.listing(ctx, d.id, now.since)
		return err
	})
	if err != nil {
		return nil, 0, d.sys.fail("open directory", d.path(), err)
	}
	d.lookups.expect()
	if above, ok := d.above(); ok && above.lookups.listing() {
		d.walked.Store(true)
	}
	d.copying(l)
	stream := &dirStream{dir: d, list: l, hidden: d.hidden(ctx)}
	if stream.hidden != nil { // always when publications are followed
		return stream, 0, 0
	}
	return stream, fuse.FOPEN_CACHE_DIR | fuse.FOPEN_KEEP_CACHE, 0
}

// Getattr tells the attributes. Those of a directory change, as it stays the same inode.
func (d *directory) Getattr(ctx context.Context, f fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	if !d.sys.follows() {
		return d.inode.Getattr(ctx, f, out)
	}
	now, err := d.sys.rounds.current(ctx)
	if err == nil {
		var n Node
		if n, err = d.sys.nodeSince(ctx, d.id, now.since); err == nil {
			out.Attr = attributes(d.id, n.Inode())
			out.SetTimeout(now.left())
			return 0
		}
	}
	return d.sys.fail("get attributes", d.path(), d.sys.gone(err))
}

// above is the directory in which this one was looked up last.
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

// path is where the directory was looked up last, for messages.
func (d *directory) path() string { return d.sys.places.path(d.id) }

// pathOf is the path of an entry, for messages.
func (d *directory) pathOf(name string) string {
	if path := d.path(); path != "" {
		return path + "/" + name
	}
	return name
}

// Ioctl answers [fusefs.HasCache].
func (d *directory) Ioctl(_ context.Context, _ fs.FileHandle, request uint32, _ uint64, _, _ []byte) (int32, syscall.Errno) {
	return fusefs.AnswerCacheQuery(request, d.sys.options.Cached)
}
