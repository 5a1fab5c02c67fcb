package readonly

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"log/slog"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"clfsload/clfs"
	"clfsload/clfs/object"
)

// fakeContainer is a container in memory. The file system is asked as the kernel
// would ask it, but without a kernel: a process must not use its own mount.
type fakeContainer struct {
	mu          sync.Mutex
	nodes       map[clfs.ID]*fakeNode
	publication Publication

	reads      atomic.Int64  // of inodes
	renews     atomic.Int64  // of inodes
	looks      atomic.Int64  // at the publication
	publishing bool          // a publication may be under way
	gate       chan struct{} // if set, inodes other than the root come when it is closed
}

type fakeNode struct {
	id       clfs.ID
	version  uint64
	gone     atomic.Bool // all but the inode is deleted
	inode    *object.Inode
	contents []byte
	blocks   map[uint64][]byte // of a directory; nil: cannot be read
	reads    atomic.Int64
}

var errBroken = errors.New("object X is broken")

func (c *fakeContainer) Publishing(context.Context) bool { return c.publishing }

func (c *fakeContainer) Usage() Usage { return Usage{} }

func (c *fakeContainer) Node(_ context.Context, id clfs.ID) (Node, error) {
	c.reads.Add(1)
	if c.gate != nil && id != clfs.RootID {
		<-c.gate
	}
	return c.live(id)
}

func (c *fakeContainer) live(id clfs.ID) (Node, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := c.nodes[id]; n != nil {
		n.id = id
		return n, nil
	}
	return nil, errBroken
}

func (c *fakeContainer) Renew(_ context.Context, known Node) (Node, error) {
	c.renews.Add(1)
	return c.live(known.(*fakeNode).id)
}

func (c *fakeContainer) Published(context.Context) (Publication, error) {
	c.looks.Add(1)
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.publication, nil
}

// put replaces an inode, or removes it; what the old version leads to is deleted.
func (c *fakeContainer) put(id clfs.ID, n *fakeNode) {
	c.mu.Lock()
	defer c.mu.Unlock()
	old := c.nodes[id]
	if old != nil {
		old.gone.Store(true)
	}
	if n == nil {
		delete(c.nodes, id)
		return
	}
	if old != nil {
		n.version = old.version + 1
	}
	c.nodes[id] = n
}

// publishes says what the next look at the publication will find.
func (c *fakeContainer) publishes(p Publication) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.publication = p
}

func (n *fakeNode) Inode() *object.Inode { return n.inode }

func (n *fakeNode) Version() uint64 { return n.version }

func (n *fakeNode) Block(_ context.Context, number uint64) ([]byte, error) {
	n.reads.Add(1)
	if n.gone.Load() && number > 0 {
		return nil, errBroken
	}
	from, to := cutOf(n.inode).bounds(number)
	return n.contents[from:to], nil
}

func (n *fakeNode) DirSegments(_ context.Context, from, to uint64) iter.Seq2[DirSegment, error] {
	return func(yield func(DirSegment, error) bool) {
		for number := from; number < to && number <= uint64(len(n.blocks)); number++ {
			raw, err := n.blocks[number], error(nil)
			if raw == nil || n.gone.Load() {
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
		raw = object.AppendDirent(raw, []byte(e.name), e.id)
	}
	return raw
}

func fakeDirectory(entries ...entry) *fakeNode {
	return &fakeNode{inode: &object.Inode{Attr: object.Attr{Mode: 0o755, Type: clfs.TypeDirectory, Nlink: 2}, Dirents: packed(entries...)}}
}

func fakeFile(contents []byte) *fakeNode {
	return &fakeNode{contents: contents, inode: &object.Inode{
		Attr:             object.Attr{Mode: 0o644, Type: clfs.TypeRegular, Nlink: 1, Size: uint64(len(contents))},
		FirstSegmentSize: 100, SegmentSize: 1000,
	}}
}

// kernel asks a file system as the kernel does.
type kernel struct {
	t   *testing.T
	raw fuse.RawFileSystem
	log bytes.Buffer
	fs  *system
}

func show(t *testing.T, c *fakeContainer) *kernel {
	t.Helper()
	return showWith(t, c, Options{})
}

func showWith(t *testing.T, c *fakeContainer, o Options) *kernel {
	t.Helper()
	k := &kernel{t: t}
	o.Memory, o.Log, o.Errno = 32<<20, slog.New(slog.NewTextHandler(&k.log, nil)), fakeErrno
	o.Missing = func(err error) bool { return errors.Is(err, errBroken) }
	k.fs = newSystem(t.Context(), c, o)
	root, err := k.fs.node(t.Context(), clfs.RootID)
	if err != nil {
		t.Fatal(err)
	}
	attr := rootIdentity()
	k.raw = fs.NewNodeFS(k.fs.newInode(clfs.RootID, root, place{}), &fs.Options{RootStableAttr: &attr})
	return k
}

func fakeErrno(err error) syscall.Errno {
	switch {
	case errors.Is(err, ErrNoEntry):
		return syscall.ENOENT
	case errors.Is(err, ErrStale):
		return syscall.ESTALE
	case errors.Is(err, context.Canceled):
		return syscall.EINTR
	}
	return syscall.EIO
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

func (r *system) nodeOf(t *testing.T, name string) *file {
	t.Helper()
	l, err := r.listing(t.Context(), clfs.RootID, 0)
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
	return r.newInode(id, n, place{&directory{inode: inode{sys: r, id: clfs.RootID}}, 0, at}).(*file)
}

func (h *handle) readAll(t *testing.T) []byte {
	t.Helper()
	all := make([]byte, h.cut.size+10)
	data, err := h.read(t.Context(), all, 0)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
