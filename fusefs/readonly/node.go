package readonly

import (
	"context"
	"fmt"
	"math"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"clfsload/clfs"
)

// inode is what all inodes have in common, and all there is to a fifo, a socket
// and a device.
type inode struct {
	fs.Inode
	sys     *system
	id      clfs.ID
	version uint64    // of what is no directory
	attr    fuse.Attr // of a directory: when it was looked up first
}

var (
	_ fs.NodeGetattrer = (*inode)(nil)
	_ fs.NodeStatfser  = (*inode)(nil)
)

// newInode makes the go-fuse side of an inode that was read.
func (r *system) newInode(id clfs.ID, n Node, p place) fs.InodeEmbedder {
	common := func() inode {
		return inode{sys: r, id: id, version: n.Version(), attr: attributes(id, n.Inode())}
	}
	switch n.Inode().Attr.Type {
	case clfs.TypeDirectory:
		return &directory{inode: common()}
	case clfs.TypeRegular:
		return &file{inode: common(), place: p}
	case clfs.TypeSymlink:
		return &symlink{common()}
	}
	i := common()
	return &i
}

// path is where the inode was looked up last, for messages.
func (i *inode) path() string {
	name, parent := i.Parent()
	if parent == nil {
		return name
	}
	return parent.Operations().(*directory).pathOf(name)
}

// spot is where the inode was looked up last.
func (i *inode) spot() spot {
	name, parent := i.Parent()
	if parent == nil {
		return spot{}
	}
	return spot{parent.Operations().(*directory).id, name}
}

// node returns what the inode was made from. If a publication has replaced that, the kernel
// must look the path up again.
func (i *inode) node(ctx context.Context) (Node, error) {
	n, err := i.sys.node(ctx, i.id)
	if err != nil {
		return nil, i.sys.gone(err)
	}
	if n.Version() != i.version {
		return nil, fmt.Errorf("inode %s: %w", i.id, ErrStale)
	}
	return n, nil
}

// Getattr tells the attributes.
func (i *inode) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	out.Attr = i.attr
	return 0
}

// blockSize is the unit in which the size of the file system is told.
const blockSize = 4096

// Statfs tells what the container holds. There is no room in it for more.
func (i *inode) Statfs(_ context.Context, out *fuse.StatfsOut) syscall.Errno {
	u := i.sys.container.Usage()
	out.Bsize, out.Frsize, out.NameLen = blockSize, blockSize, maxName
	out.Blocks, out.Files = (u.Bytes+blockSize-1)/blockSize, u.Inodes
	return 0
}

// symlink is a symbolic link.
type symlink struct{ inode }

var _ fs.NodeReadlinker = (*symlink)(nil)

// Readlink tells where the link points.
func (s *symlink) Readlink(ctx context.Context) ([]byte, syscall.Errno) {
	n, err := s.node(ctx)
	if err != nil {
		return nil, s.sys.fail("read link", s.path(), err)
	}
	return n.Inode().Data, 0
}

// forever is how long the kernel may keep names and attributes, in seconds;
// longer makes it reckon with what overflows.
const forever = math.MaxInt32
