package fusefs

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"log/slog"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"clfsload/clfs"
)

// fakeContainer is a container in memory. The file system is asked as the kernel
// would ask it, but without a kernel: a process must not use its own mount.
type fakeContainer struct {
	nodes  map[clfs.ID]*fakeNode
	reads  atomic.Int64  // of inodes
	moving bool          // a publication may be under way
	gate   chan struct{} // if set, inodes other than the root come when it is closed
}

type fakeNode struct {
	inode    *clfs.Inode
	contents []byte
	blocks   map[uint64][]byte // of a directory; nil: cannot be read
	reads    atomic.Int64
}

var errBroken = errors.New("object X is broken")

func (c *fakeContainer) Moving(context.Context) bool { return c.moving }

func (c *fakeContainer) Usage() Usage { return Usage{} }

func (c *fakeContainer) Node(_ context.Context, id clfs.ID) (Node, error) {
	c.reads.Add(1)
	if c.gate != nil && id != clfs.RootID {
		<-c.gate
	}
	if n := c.nodes[id]; n != nil {
		return n, nil
	}
	return nil, errBroken
}

func (n *fakeNode) Inode() *clfs.Inode { return n.inode }

func (n *fakeNode) ReadAt(_ context.Context, p []byte, off uint64) (int, error) {
	n.reads.Add(1)
	return bytes.NewReader(n.contents).ReadAt(p, int64(off))
}

func (n *fakeNode) DirSegments(_ context.Context, from, to uint64) iter.Seq2[DirSegment, error] {
	return func(yield func(DirSegment, error) bool) {
		for number := from; number < to && number <= uint64(len(n.blocks)); number++ {
			raw, err := n.blocks[number], error(nil)
			if raw == nil {
				err = errBroken
			}
			if !yield(DirSegment{number, raw}, err) {
				return
			}
		}
	}
}

func handleID(sequence uint64, t clfs.Type) clfs.ID {
	return clfs.Handle{ContainerID: 1, Type: t, Sequence: sequence, Random: 77}.ID()
}

// entry is a name in a fake directory.
type entry struct {
	name string
	id   clfs.ID
}

func packed(entries ...entry) []byte {
	raw := []byte{}
	for _, e := range entries {
		raw = clfs.AppendDirent(raw, []byte(e.name), e.id)
	}
	return raw
}

func fakeDirectory(entries ...entry) *fakeNode {
	return &fakeNode{inode: &clfs.Inode{Attr: clfs.Attr{Mode: 0o755, Type: clfs.TypeDirectory, Nlink: 2}, Dirents: packed(entries...)}}
}

func fakeFile(contents []byte) *fakeNode {
	return &fakeNode{contents: contents, inode: &clfs.Inode{
		Attr:             clfs.Attr{Mode: 0o644, Type: clfs.TypeRegular, Nlink: 1, Size: uint64(len(contents))},
		FirstSegmentSize: 100, SegmentSize: 1000,
	}}
}

// kernel asks a file system as the kernel does.
type kernel struct {
	t   *testing.T
	raw fuse.RawFileSystem
	log bytes.Buffer
	fs  *readOnly
}

func show(t *testing.T, c *fakeContainer) *kernel {
	t.Helper()
	k := &kernel{t: t}
	k.fs = newReadOnly(t.Context(), c, Options{Memory: 32 << 20, Log: slog.New(slog.NewTextHandler(&k.log, nil)), Errno: func(err error) syscall.Errno {
		if errors.Is(err, ErrNoEntry) {
			return syscall.ENOENT
		}
		if errors.Is(err, context.Canceled) {
			return syscall.EINTR
		}
		return syscall.EIO
	}})
	root, err := k.fs.node(t.Context(), clfs.RootID)
	if err != nil {
		t.Fatal(err)
	}
	attr := identity(clfs.RootID, fuse.S_IFDIR)
	k.raw = fs.NewNodeFS(k.fs.newInode(clfs.RootID, root, place{}), &fs.Options{RootStableAttr: &attr})
	return k
}

const rootNode = 1

func (k *kernel) lookup(parent uint64, name string) (fuse.EntryOut, fuse.Status) {
	var out fuse.EntryOut
	status := k.raw.Lookup(nil, &fuse.InHeader{NodeId: parent}, name, &out)
	return out, status
}

// open looks a file up in the root and opens it.
func (k *kernel) open(name string) *handle {
	k.t.Helper()
	root := k.fs.nodeOf(k.t, name)
	h, _, errno := root.Open(k.t.Context(), 0)
	if errno != 0 {
		k.t.Fatal(errno)
	}
	return h.(*handle)
}

func (r *readOnly) nodeOf(t *testing.T, name string) *file {
	t.Helper()
	l, err := r.listing(t.Context(), clfs.RootID)
	if err != nil {
		t.Fatal(err)
	}
	id, at, _, err := r.find(t.Context(), l, name)
	if err != nil {
		t.Fatal(err)
	}
	n, err := r.node(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return r.newInode(id, n, place{&directory{inode: inode{sys: r, id: clfs.RootID}}, at}).(*file)
}

func (h *handle) readAll(t *testing.T) []byte {
	t.Helper()
	all := make([]byte, h.cut.size+10)
	n, err := h.read(t.Context(), all, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	return all[:n]
}
