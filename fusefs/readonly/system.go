package readonly

import (
	"context"
	"log/slog"
	"sync/atomic"
	"syscall"
	"time"

	"clfsload/clfs"
	"clfsload/clfs/object"
	"clfsload/fusefs/fetch"
)

// Options say how a container is shown.
type Options struct {
	// Errno chooses what a system call fails with for an error of the
	// container, or one of the errors of this package.
	Errno func(error) syscall.Errno
	// Missing reports whether an error says that an object is not there.
	Missing func(error) bool
	Log     *slog.Logger

	Source     string // what mount and df show as the device
	AllowOther bool   // other users may use the mount
	Memory     int64  // bytes that contents and inodes take together, at least 32 MiB
	Cached     bool   // the container has a cache on a disk in front of it

	// Follow shows later publications at this interval; 0: the container does not change.
	Follow time.Duration
}

// Each cache has a part of the memory of a mount. Chunks of files have five eighths of it; the
// rest is for blocks that are decompressed.
const (
	nodeShare    = 8  // inodes
	listingShare = 16 // lookup tables of directories
	segmentShare = 16 // directory segments
)

func chunkMemory(memory int64) int64 { return memory / 8 * 5 }

// system is a file system that shows a container.
type system struct {
	container Container
	options   Options
	log       *slog.Logger

	nodes    *fetch.Cache[clfs.ID, stampedNode]
	listings *fetch.Cache[versionKey, *listing]
	segments *fetch.Cache[blockKey, []byte]
	chunks   *fetch.Cache[blockKey, []byte]

	rounds rounds
	places places
	opened atomic.Int64 // set when a file is opened, counts down with each listing
}

// versionKey names a version of an inode, which does not change.
type versionKey struct {
	id      clfs.ID
	version uint64
}

// blockKey names a part of a version of a file or directory.
type blockKey struct {
	owner  versionKey
	number uint64
}

// stampedNode is an inode as of a moment: see [rounds].
type stampedNode struct {
	Node
	stamp uint64
}

func newSystem(ctx context.Context, c Container, o Options) *system {
	return &system{
		container: c, options: o, log: o.Log,
		rounds:   rounds{ctx: ctx, interval: o.Follow, look: c.Published},
		nodes:    fetch.New[clfs.ID, stampedNode](ctx, o.Memory/nodeShare),
		listings: fetch.New[versionKey, *listing](ctx, o.Memory/listingShare),
		segments: fetch.New[blockKey, []byte](ctx, o.Memory/segmentShare),
		chunks:   fetch.New[blockKey, []byte](ctx, chunkMemory(o.Memory)),
	}
}

// expectedInode is about how many bytes an inode takes in memory.
const expectedInode = 24 << 10

// node returns an inode as it may be shown in this round.
func (r *system) node(ctx context.Context, id clfs.ID) (Node, error) {
	now, err := r.rounds.current(ctx)
	if err != nil {
		return nil, err
	}
	return r.nodeSince(ctx, id, now.since)
}

// nodeSince returns an inode that was the live version at a stamp or later.
func (r *system) nodeSince(ctx context.Context, id clfs.ID, since uint64) (Node, error) {
	for {
		n, err := r.nodes.Get(ctx, id, expectedInode, r.fetchNode(id, r.outdated(id, since)))
		if err != nil || n.stamp >= since {
			return n.Node, err
		}
	}
}

// outdated takes an inode out of the cache that was read before a stamp; nil: there is none.
func (r *system) outdated(id clfs.ID, since uint64) Node {
	old, _ := r.nodes.Drop(id, func(n stampedNode) bool { return n.stamp < since })
	return old.Node
}

// fetchNode reads an inode, or makes sure that the known version still is the live one.
func (r *system) fetchNode(id clfs.ID, known Node) fetch.Func[stampedNode] {
	return func(ctx context.Context) (n stampedNode, cost int64, err error) {
		n.stamp = r.rounds.lastStamp()
		if known != nil {
			n.Node, err = r.container.Renew(ctx, known)
		} else {
			n.Node, err = r.container.Node(ctx, id)
		}
		if err != nil {
			return stampedNode{}, 0, err
		}
		return n, costOf(n.Inode()), nil
	}
}

// costOf is about how many bytes a decoded inode takes, with the payload that it
// aliases.
func costOf(in *object.Inode) int64 {
	const fixed, perID = 1024, 80
	return fixed + int64(len(in.Data)+len(in.Dirents)) + perID*int64(len(in.Direct)+len(in.BackPointers))
}

// fail logs an error, once it is known what it means to the caller, with the
// path where it happened. A caller that gave up is not told of in the log.
func (r *system) fail(operation, path string, err error) syscall.Errno {
	errno := r.options.Errno(err)
	switch errno {
	case syscall.EINTR, syscall.ENOENT, syscall.ESTALE:
	default:
		r.log.Error(operation, "path", "/"+path, "error", err, "errno", errno.Error())
	}
	return errno
}
