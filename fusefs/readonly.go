package fusefs

import (
	"context"
	"log/slog"
	"sync/atomic"
	"syscall"

	"clfsload/clfs"
	"clfsload/fusefs/internal/fetch"
)

// Options say how a container is shown.
type Options struct {
	// Errno chooses what a system call fails with for an error of the
	// container, or one of the errors of this package.
	Errno func(error) syscall.Errno
	Log   *slog.Logger

	Source     string // what mount and df show as the device
	AllowOther bool   // other users may use the mount
	Memory     int64  // bytes that caches take together, at least 32 MiB
}

// Each cache has a part of the memory of a mount. Chunks of files have the rest,
// half of it for those kept and half for those being fetched.
const (
	nodeShare    = 4 // inodes
	listingShare = 8 // lookup tables of directories
	segmentShare = 8 // directory segments
	chunkShare   = 4
)

// readOnly is a file system that shows a container.
type readOnly struct {
	container Container
	options   Options
	log       *slog.Logger

	nodes    *fetch.Cache[clfs.ID, Node]
	listings *fetch.Cache[clfs.ID, *listing]
	segments *fetch.Cache[blockKey, []byte]
	chunks   *fetch.Cache[blockKey, []byte]

	places places
	opened atomic.Int64 // set when a file is opened, counts down with each listing
}

// blockKey names a part of a file or directory.
type blockKey struct {
	owner  clfs.ID
	number uint64
}

func newReadOnly(ctx context.Context, c Container, o Options) *readOnly {
	return &readOnly{
		container: c, options: o, log: o.Log,
		nodes:    fetch.New[clfs.ID, Node](ctx, o.Memory/nodeShare),
		listings: fetch.New[clfs.ID, *listing](ctx, o.Memory/listingShare),
		segments: fetch.New[blockKey, []byte](ctx, o.Memory/segmentShare),
		chunks:   fetch.New[blockKey, []byte](ctx, o.Memory/chunkShare),
	}
}

// expectedInode is about how many bytes an inode takes in memory.
const expectedInode = 24 << 10

// node returns an inode.
func (r *readOnly) node(ctx context.Context, id clfs.ID) (Node, error) {
	return r.nodes.Get(ctx, id, expectedInode, r.fetchNode(id))
}

func (r *readOnly) fetchNode(id clfs.ID) fetch.Func[Node] {
	return func(ctx context.Context) (Node, int64, error) {
		n, err := r.container.Node(ctx, id)
		if err != nil {
			return nil, 0, err
		}
		return n, costOf(n.Inode()), nil
	}
}

// costOf is about how many bytes a decoded inode takes, with the payload that it
// aliases.
func costOf(in *clfs.Inode) int64 {
	const fixed, perID = 1024, 80
	return fixed + int64(len(in.Data)+len(in.Dirents)) + perID*int64(len(in.Direct)+len(in.BackPointers))
}

// fail logs an error, once it is known what it means to the caller, with the
// path where it happened. A caller that gave up is not told of in the log.
func (r *readOnly) fail(operation, path string, err error) syscall.Errno {
	errno := r.options.Errno(err)
	switch errno {
	case syscall.EINTR, syscall.ENOENT:
	default:
		r.log.Error(operation, "path", "/"+path, "error", err, "errno", errno.Error())
	}
	return errno
}
