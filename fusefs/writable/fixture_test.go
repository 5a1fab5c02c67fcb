package writable

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
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

	options Options
}

const rootNode = uint64(state.RootIno)

func newKernel(t *testing.T) *kernel {
	t.Helper()
	return newKernelWith(t, func(*Options) {})
}

// newKernelWith makes a kernel of a file system with other options than usual.
func newKernelWith(t *testing.T, set func(*Options)) *kernel {
	t.Helper()
	k := &kernel{t: t, dir: filepath.Join(t.TempDir(), "state"), log: &bytes.Buffer{}}
	k.setOptions(set)
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
		k.engine = &fakeEngine{blocks: map[blockID][]byte{}, heads: map[headKey][]byte{}}
	}
	k.engine.journal, k.engine.staging = j, store
	k.fs = newFS(context.WithoutCancel(k.t.Context()), j, store, k.engine, k.options)
	k.fs.counting()
}

// setOptions sets the options of the file system that is started next.
func (k *kernel) setOptions(set func(*Options)) {
	k.options = Options{Settle: time.Hour, StagingLimit: 1 << 40, MaxFileSize: 1 << 44,
		Memory: 64 << 20, Log: slog.New(slog.NewTextHandler(k.log, nil)),
		Errno: func(error) syscall.Errno { return syscall.EIO }, StatePath: k.dir}
	set(&k.options)
}

func (k *kernel) stop() {
	if err := errors.Join(k.fs.Close(), k.fs.staging.Close(), k.fs.journal.Close()); err != nil {
		k.t.Error(err)
	}
}

// crash ends the file system as a death of the process does, and starts it again.
func (k *kernel) crash() {
	k.t.Helper()
	k.die()
	k.restart(false)
}

func (k *kernel) die() {
	k.t.Helper()
	k.fs.stop()
	if err := errors.Join(k.fs.staging.Close(), k.fs.journal.Close()); err != nil {
		k.t.Fatal(err)
	}
}

// openState opens the journal and the staging files of a file system that has ended.
func (k *kernel) openState() (*state.Journal, *staging.Store) {
	k.t.Helper()
	j, err := state.Open(k.dir)
	if err != nil {
		k.t.Fatal(err)
	}
	store, err := staging.Open(filepath.Join(k.dir, "staging"))
	if err != nil {
		k.t.Fatal(err)
	}
	return j, store
}

// restart starts the file system after its death, or that of the machine.
func (k *kernel) restart(rebooted bool) {
	k.t.Helper()
	j, store := k.openState()
	if _, err := j.Recover(k.t.Context(), rebooted, store.Stat); err != nil {
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
