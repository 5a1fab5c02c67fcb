package writable

import (
	"context"
	"errors"
	"sync"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"

	"clfsload/clfs"
	"clfsload/fusefs/internal/fetch"
	"clfsload/state"
)

// A handle is a regular file as somebody has opened it.
type handle struct {
	*file
	mayWrite bool
	flushed  bool // a descriptor was closed, and nothing was written since. file.mu guards it
	ahead    fetch.Sequence
}

// handles are those that the kernel has, by the number that it knows them by.
type handles[H any] struct {
	mu   sync.Mutex
	last uint64
	open map[uint64]H
}

func newHandles[H any]() *handles[H] { return &handles[H]{open: map[uint64]H{}} }

func (t *handles[H]) add(h H) uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last++
	t.open[t.last] = h
	return t.last
}

func (t *handles[H]) get(number uint64) (H, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	h, found := t.open[number]
	if !found {
		return h, errBadHandle
	}
	return h, nil
}

func (t *handles[H]) remove(number uint64) (H, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	h, found := t.open[number]
	delete(t.open, number)
	return h, found
}

// all takes all handles out.
func (t *handles[H]) all() []H {
	t.mu.Lock()
	defer t.mu.Unlock()
	var list []H
	for _, h := range t.open {
		list = append(list, h)
	}
	clear(t.open)
	return list
}

// caller is the context of a call: it ends when the caller was interrupted.
func caller(cancel <-chan struct{}, in *fuse.InHeader) context.Context {
	return &fuse.Context{Caller: in.Caller, Cancel: cancel}
}

// opened makes a handle of a file that was acquired.
func (s *FS) opened(f *file, flags uint32, out *fuse.OpenOut) {
	h := &handle{file: f, mayWrite: flags&syscall.O_ACCMODE != syscall.O_RDONLY}
	out.OpenFlags = fuse.FOPEN_KEEP_CACHE
	if h.mayWrite {
		f.writers.Add(1)
	} else {
		out.OpenFlags |= fuse.FOPEN_NOFLUSH
	}
	s.used.add(f.ino)
	out.Fh = s.handles.add(h)
}

// Create makes a regular file and opens it.
func (s *FS) Create(cancel <-chan struct{}, in *fuse.CreateIn, name string, out *fuse.CreateOut) fuse.Status {
	a := state.Attr{Type: clfs.TypeRegular, Mode: syscall.S_IFREG | in.Mode&0o7777}
	mayWrite := in.Flags&syscall.O_ACCMODE != syscall.O_RDONLY
	n, status := s.add(cancel, &in.InHeader, name, state.Addition{Attr: a, Open: mayWrite}, &out.EntryOut)
	if status != fuse.OK {
		return status
	}
	f := s.files.acquire(n.Ino)
	f.created(n, mayWrite)
	s.opened(f, in.Flags, &out.OpenOut)
	return fuse.OK
}

// Open opens a regular file.
func (s *FS) Open(cancel <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	ino := state.Ino(in.NodeId)
	f := s.files.acquire(ino)
	if in.Flags&syscall.O_TRUNC != 0 {
		if err := f.empty(caller(cancel, &in.InHeader), in.Flags&syscall.O_ACCMODE == syscall.O_RDONLY); err != nil {
			return s.failNode("open", ino, errors.Join(err, s.endAndRelease(f)))
		}
	}
	s.opened(f, in.Flags, out)
	return fuse.OK
}

// empty truncates the file for an open. One that is for reading writes nothing more.
func (f *file) empty(ctx context.Context, readOnly bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.truncate(ctx, 0); err != nil || !readOnly {
		return err
	}
	return f.endLast()
}

// Read reads from an open file.
func (s *FS) Read(cancel <-chan struct{}, in *fuse.ReadIn, buf []byte) (fuse.ReadResult, fuse.Status) {
	h, err := s.handles.get(in.Fh)
	if err != nil {
		return nil, fuse.EBADF
	}
	n, err := h.read(caller(cancel, &in.InHeader), buf, int64(in.Offset), &h.ahead)
	if err != nil {
		return nil, s.failNode("read", h.ino, err)
	}
	return fuse.ReadResultData(buf[:n]), fuse.OK
}

// Write writes to an open file.
func (s *FS) Write(cancel <-chan struct{}, in *fuse.WriteIn, data []byte) (uint32, fuse.Status) {
	h, err := s.handles.get(in.Fh)
	if err != nil {
		return 0, fuse.EBADF
	}
	ctx := caller(cancel, &in.InHeader)
	if err := s.room.wait(ctx, int64(len(data))); err != nil {
		return 0, s.fail("write", h.ino, err)
	}
	h.setFlushed(false)
	n, err := h.write(ctx, data, int64(in.Offset))
	if err != nil {
		return 0, s.failNode("write", h.ino, err)
	}
	return uint32(n), fuse.OK
}

// setFlushed notes whether the handle was flushed after its last write.
func (h *handle) setFlushed(flushed bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.markFlushed(flushed)
}

// markFlushed is setFlushed for those who hold mu.
func (h *handle) markFlushed(flushed bool) {
	if h.flushed == flushed {
		return
	}
	h.flushed = flushed
	if flushed {
		h.idle.Add(1)
	} else {
		h.idle.Add(-1)
	}
}

// Flush is called when a descriptor is closed. When nobody else may write to the
// file, the journal is told what was written before the close returns. A handle that
// was flushed does not count: its release may still be on its way. Copies of a
// descriptor are closed as well, as by every program that its owner starts: of a file
// of which that has come out, only the release of the last handle tells.
func (s *FS) Flush(_ <-chan struct{}, in *fuse.FlushIn) fuse.Status {
	h, err := s.handles.get(in.Fh)
	if err != nil {
		return fuse.EBADF
	}
	if !h.mayWrite {
		return fuse.OK
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.markFlushed(true)
	if h.shared || !h.isFlushed() {
		return fuse.OK
	}
	return s.failNode("close", h.ino, h.end())
}

// Release takes a handle back.
func (s *FS) Release(_ <-chan struct{}, in *fuse.ReleaseIn) {
	if h, found := s.handles.remove(in.Fh); found {
		s.closed(h)
	}
}

// closed gives a handle's file back.
func (s *FS) closed(h *handle) {
	if !h.mayWrite {
		s.release(h.file)
		return
	}
	h.mu.Lock()
	h.markFlushed(false)
	if h.writers.Add(-1) == 0 {
		h.shared = false
	}
	h.mu.Unlock()
	if err := s.endAndRelease(h.file); err != nil {
		s.log.Error("the journal does not know yet that a file was closed; this is tried again", "path", s.pathOf(h.ino), "error", err)
	}
}

// endAndRelease gives back what acquire returned, after a change: when nobody may write
// to the file any more, the journal is told what was written. Until that works, it stays
// in the table.
func (s *FS) endAndRelease(f *file) error {
	f.mu.Lock()
	err := f.endLast()
	f.mu.Unlock()
	if s.orphans.has(f.ino) {
		err = nil
	}
	if err == nil || !s.unended.add(f.ino) {
		s.release(f)
	}
	return err
}

// isFlushed reports whether all handles that may write were flushed, and have not
// written since.
func (f *file) isFlushed() bool { return f.idle.Load() >= f.writers.Load() }

// isCutOff reports whether the file is being written, and has a name under which
// somebody could take it for whole.
func (h *handle) isCutOff() bool {
	return h.mayWrite && h.isLive() && !h.system.orphans.has(h.ino)
}

// Fsync makes a file durable.
func (s *FS) Fsync(_ <-chan struct{}, in *fuse.FsyncIn) fuse.Status {
	h, err := s.handles.get(in.Fh)
	if err != nil {
		return fuse.EBADF
	}
	if err := h.sync(); err != nil {
		return s.failNode("fsync", h.ino, err)
	}
	return s.fail("fsync", h.ino, s.journal.Sync(s.ctx))
}

// sync makes the staged bytes durable, and tells the journal of them. What has
// settled is durable already.
func (f *file) sync() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.load(); err != nil {
		return err
	}
	if !f.isLive() {
		n, err := f.system.journal.Node(f.system.ctx, f.ino)
		if err != nil || n.State != state.Dirty || n.Flags&(state.Content|state.Synced) != state.Content {
			return err
		}
	}
	if f.synced {
		return nil
	}
	if err := f.syncStaged(); err != nil {
		return err
	}
	if err := f.system.journal.NoteWritten(f.system.ctx, f.ino, f.written(true)); err != nil {
		return err
	}
	f.synced = true
	return nil
}

func (f *file) syncStaged() error {
	if f.staged == nil {
		return nil
	}
	if err := f.staged.Sync(); err != nil || f.named {
		return err
	}
	if err := f.system.staging.SyncName(f.ino); err != nil {
		return err
	}
	f.named = true
	return nil
}
