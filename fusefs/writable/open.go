package writable

import (
	"context"
	"errors"
	"sync"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"

	"clfsload/clfs"
	"clfsload/fusefs/writable/contents"
	"clfsload/state"
)

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
func (s *FS) opened(f *contents.File, flags uint32, out *fuse.OpenOut) {
	mayWrite := flags&syscall.O_ACCMODE != syscall.O_RDONLY
	out.OpenFlags = fuse.FOPEN_KEEP_CACHE
	if !mayWrite {
		out.OpenFlags |= fuse.FOPEN_NOFLUSH
	}
	s.evictor.Opened(f.Ino)
	out.Fh = s.handles.add(f.Open(mayWrite))
}

// Create makes a regular file and opens it.
func (s *FS) Create(cancel <-chan struct{}, in *fuse.CreateIn, name string, out *fuse.CreateOut) fuse.Status {
	a := state.Attr{Type: clfs.TypeRegular, Mode: syscall.S_IFREG | in.Mode&0o7777}
	mayWrite := in.Flags&syscall.O_ACCMODE != syscall.O_RDONLY
	n, status := s.add(cancel, &in.InHeader, name, state.Addition{Attr: a, Open: mayWrite}, &out.EntryOut)
	if status != fuse.OK {
		return status
	}
	f := s.files.Acquire(n.Ino)
	f.Created(n, mayWrite)
	s.opened(f, in.Flags, &out.OpenOut)
	return fuse.OK
}

// Open opens a regular file.
func (s *FS) Open(cancel <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	ino := state.Ino(in.NodeId)
	f := s.files.Acquire(ino)
	if in.Flags&syscall.O_TRUNC != 0 {
		if err := f.Empty(caller(cancel, &in.InHeader), in.Flags&syscall.O_ACCMODE == syscall.O_RDONLY); err != nil {
			return s.failNode("open", ino, errors.Join(err, s.endAndRelease(f)))
		}
	}
	s.opened(f, in.Flags, out)
	return fuse.OK
}

// Flush is called when a descriptor is closed.
func (s *FS) Flush(_ <-chan struct{}, in *fuse.FlushIn) fuse.Status {
	h, err := s.handles.get(in.Fh)
	if err != nil {
		return fuse.EBADF
	}
	return s.failNode("close", h.Ino, h.Flush())
}

// Release takes a handle back.
func (s *FS) Release(_ <-chan struct{}, in *fuse.ReleaseIn) {
	if h, found := s.handles.remove(in.Fh); found {
		s.closed(h)
	}
}

// closed gives a handle's file back.
func (s *FS) closed(h *contents.Handle) {
	h.Released()
	if !h.MayWrite {
		s.files.Release(h.File)
		return
	}
	if err := s.endAndRelease(h.File); err != nil {
		s.log.Error("the journal does not know yet that a file was closed; this is retried", "path", s.pathOf(h.Ino), "error", err)
	}
}

// endAndRelease gives back what Table.Acquire returned, after a change: when nobody may write
// to the file any more, the journal is told what was written. Until that works, it stays
// in the table.
func (s *FS) endAndRelease(f *contents.File) error {
	err := f.EndUnwritten()
	if s.reaper.IsOrphan(f.Ino) {
		err = nil
	}
	if err == nil || !s.unended.Add(f.Ino) {
		s.files.Release(f)
	}
	return err
}
