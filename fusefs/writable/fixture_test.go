package writable

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"

	"clfsload/clfs"
	"clfsload/fusefs/staging"
	"clfsload/state"
)

// kernel calls a file system as the kernel does, without a mount.
type kernel struct {
	t      *testing.T
	fs     *FS
	engine *fakeEngine
	dir    string // the state directory
	log    *bytes.Buffer
}

const rootNode = uint64(state.RootIno)

func newKernel(t *testing.T) *kernel {
	t.Helper()
	k := &kernel{t: t, dir: filepath.Join(t.TempDir(), "state"), log: &bytes.Buffer{}}
	now := time.Now().UnixNano()
	j, err := state.Create(k.dir, state.Settings{Kind: state.KindMount, Target: "dir:/target", DirMgrCount: 48, ContainerID: 1,
		PreserveHardlinks: true, RootName: "r", BucketUUID: "b", MassUUID: "m", WipeUUID: "w", Key: clfs.Key{1}},
		state.Attr{Type: clfs.TypeDirectory, Mode: 0o40755, Mtime: now, Ctime: now, Atime: now})
	if err != nil {
		t.Fatal(err)
	}
	k.start(j)
	t.Cleanup(func() { k.stop() })
	return k
}

// start opens the file system of a journal.
func (k *kernel) start(j *state.Journal) {
	k.t.Helper()
	store, err := staging.Open(filepath.Join(k.dir, "staging"))
	if err != nil {
		k.t.Fatal(err)
	}
	if k.engine == nil {
		k.engine = &fakeEngine{blocks: map[blockKey][]byte{}, heads: map[state.Ino][]byte{}}
	}
	k.engine.journal, k.engine.staging = j, store
	k.fs = newFS(context.WithoutCancel(k.t.Context()), j, store, k.engine, Options{Settle: time.Hour, StagingLimit: 1 << 40,
		Memory: 64 << 20, Log: slog.New(slog.NewTextHandler(k.log, nil)),
		Errno: func(error) syscall.Errno { return syscall.EIO }, StatePath: k.dir})
	k.fs.sweeping()
}

func (k *kernel) stop() {
	if err := errors.Join(k.fs.Close(), k.fs.staging.Close(), k.fs.journal.Close()); err != nil {
		k.t.Error(err)
	}
}

// crash ends the file system as a death of the process does, and starts it again.
func (k *kernel) crash() {
	k.t.Helper()
	k.fs.stop()
	if err := errors.Join(k.fs.staging.Close(), k.fs.journal.Close()); err != nil {
		k.t.Fatal(err)
	}
	j, err := state.Open(k.dir)
	if err != nil {
		k.t.Fatal(err)
	}
	store, err := staging.Open(filepath.Join(k.dir, "staging"))
	if err != nil {
		k.t.Fatal(err)
	}
	if _, err := j.Recover(k.t.Context(), false, store.Stat); err != nil {
		k.t.Fatal(err)
	}
	store.Close()
	k.start(j)
}

func (k *kernel) ok(what string, status fuse.Status) {
	k.t.Helper()
	if status != fuse.OK {
		k.t.Fatalf("%s: %v\n%s", what, status, k.log)
	}
}

func header(node uint64) fuse.InHeader { return fuse.InHeader{NodeId: node} }

func (k *kernel) lookup(dir uint64, name string) (fuse.EntryOut, fuse.Status) {
	h := header(dir)
	var out fuse.EntryOut
	status := k.fs.Lookup(nil, &h, name, &out)
	if status == fuse.OK && out.NodeId == 0 {
		return out, fuse.ENOENT
	}
	return out, status
}

// opened is an open file.
type opened struct {
	k    *kernel
	node uint64
	fh   uint64
}

func (k *kernel) create(dir uint64, name string) *opened {
	k.t.Helper()
	var out fuse.CreateOut
	k.ok("create "+name, k.fs.Create(nil, &fuse.CreateIn{InHeader: header(dir), Flags: syscall.O_RDWR, Mode: 0o644}, name, &out))
	return &opened{k, out.NodeId, out.Fh}
}

func (k *kernel) open(node uint64, flags uint32) *opened {
	k.t.Helper()
	var out fuse.OpenOut
	k.ok("open", k.fs.Open(nil, &fuse.OpenIn{InHeader: header(node), Flags: flags}, &out))
	return &opened{k, node, out.Fh}
}

func (o *opened) write(p []byte, off int64) fuse.Status {
	n, status := o.k.fs.Write(nil, &fuse.WriteIn{InHeader: header(o.node), Fh: o.fh, Offset: uint64(off)}, p)
	if status == fuse.OK && int(n) != len(p) {
		return fuse.EIO
	}
	return status
}

func (o *opened) read(off int64, length int) ([]byte, fuse.Status) {
	buf := make([]byte, length)
	result, status := o.k.fs.Read(nil, &fuse.ReadIn{InHeader: header(o.node), Fh: o.fh, Offset: uint64(off)}, buf)
	if status != fuse.OK {
		return nil, status
	}
	return result.Bytes(nil)
}

func (o *opened) flush() fuse.Status {
	return o.k.fs.Flush(nil, &fuse.FlushIn{InHeader: header(o.node), Fh: o.fh})
}

func (o *opened) release() {
	o.k.fs.Release(nil, &fuse.ReleaseIn{InHeader: header(o.node), Fh: o.fh})
}

func (o *opened) close() {
	o.k.t.Helper()
	o.k.ok("flush", o.flush())
	o.release()
}

func (k *kernel) attr(node uint64) fuse.Attr {
	k.t.Helper()
	var out fuse.AttrOut
	k.ok("getattr", k.fs.GetAttr(nil, &fuse.GetAttrIn{InHeader: header(node)}, &out))
	return out.Attr
}

func (k *kernel) truncate(node uint64, size int64) fuse.Status {
	in := &fuse.SetAttrIn{SetAttrInCommon: fuse.SetAttrInCommon{InHeader: header(node), Valid: fuse.FATTR_SIZE, Size: uint64(size)}}
	return k.fs.SetAttr(nil, in, &fuse.AttrOut{})
}

func (k *kernel) unlink(dir uint64, name string) fuse.Status {
	h := header(dir)
	return k.fs.Unlink(nil, &h, name)
}

func (k *kernel) mkdir(dir uint64, name string) uint64 {
	k.t.Helper()
	var out fuse.EntryOut
	k.ok("mkdir "+name, k.fs.Mkdir(nil, &fuse.MkdirIn{InHeader: header(dir), Mode: 0o755}, name, &out))
	return out.NodeId
}

func (k *kernel) node(node uint64) state.Node {
	k.t.Helper()
	n, err := k.fs.journal.Node(k.t.Context(), state.Ino(node))
	if err != nil {
		k.t.Fatal(err)
	}
	return n
}

func (k *kernel) staged(node uint64) bool {
	f, err := k.fs.staging.Open(state.Ino(node))
	if errors.Is(err, os.ErrNotExist) {
		return false
	}
	if err != nil {
		k.t.Fatal(err)
	}
	f.Close()
	return true
}

// fakeEngine uploads into memory.
type fakeEngine struct {
	journal *state.Journal
	staging *staging.Store

	mu     sync.Mutex
	blocks map[blockKey][]byte
	heads  map[state.Ino][]byte
	reads  int
}

func (e *fakeEngine) Head(_ context.Context, n state.Node) ([]byte, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.reads++
	if data, found := e.heads[n.Ino]; found {
		return data, nil
	}
	return nil, errors.New("no such head")
}

func (e *fakeEngine) Block(_ context.Context, n state.Node, index, gen uint64) ([]byte, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.reads++
	if data, found := e.blocks[blockKey{ino: n.Ino, index: index, gen: gen}]; found {
		return data, nil
	}
	return nil, errors.New("no such block")
}

// take reads a block of a staging file.
func (e *fakeEngine) take(n *state.Node, index uint64) ([]byte, error) {
	at, length := state.BlockRange(index)
	data := make([]byte, max(min(length, n.Attr.Size-at), 0))
	if len(data) == 0 {
		return data, nil
	}
	f, err := e.staging.Open(n.Ino)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	_, err = f.ReadAt(data, at)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return data, err
}

// early uploads the blocks of open files that are queued.
func (e *fakeEngine) early(ctx context.Context) error {
	list, err := e.journal.QueuedBlocks(ctx, 0, 0, 1000)
	if err != nil {
		return err
	}
	for _, w := range list {
		n := w.Node
		n.Attr.Size = 1 << 50
		data, err := e.take(&n, w.Block)
		if err != nil {
			return err
		}
		e.mu.Lock()
		e.blocks[blockKey{ino: n.Ino, index: w.Block, gen: n.Next}] = data
		e.mu.Unlock()
		out := state.BlockOutcome{Ino: n.Ino, Index: w.Block, Gen: n.Next, Cseq: n.Cseq, Early: true}
		if err := e.journal.RecordBlocks(ctx, []state.BlockOutcome{out}); err != nil {
			return err
		}
	}
	return nil
}

// upload uploads what has settled.
func (e *fakeEngine) upload(ctx context.Context) error {
	list, err := e.journal.QueuedNodes(ctx, 0, 1000)
	if err != nil {
		return err
	}
	for i := range list {
		n := &list[i]
		if n.Attr.Type == clfs.TypeRegular && n.Flags&state.Content != 0 {
			if err := e.uploadFile(ctx, n); err != nil {
				return err
			}
		}
		up := state.Upload{Node: *n, Put: true, Owner: 1, Sealed: true}
		if err := e.journal.RecordUploads(ctx, []state.Upload{up}); err != nil {
			return err
		}
	}
	return nil
}

func (e *fakeEngine) uploadFile(ctx context.Context, n *state.Node) error {
	rows, err := e.journal.BlocksOf(ctx, n.Ino)
	if err != nil {
		return err
	}
	dirty := map[uint64]bool{}
	for index := n.Sealed; index < state.Blocks(n.Attr.Size); index++ {
		dirty[index] = true
	}
	for _, b := range rows {
		dirty[b.Index] = b.State == state.BlockDirty || b.State == state.BlockQueued
	}
	for index, isDirty := range dirty {
		if !isDirty {
			continue
		}
		data, err := e.take(n, index)
		if err != nil {
			return err
		}
		if index == 0 {
			e.heads[n.Ino] = data
			continue
		}
		e.blocks[blockKey{ino: n.Ino, index: index, gen: n.Next}] = data
	}
	return nil
}
