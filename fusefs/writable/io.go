package writable

import (
	"math"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"clfsload/fusefs/writable/contents"
)

// Read reads from an open file.
func (s *FS) Read(cancel <-chan struct{}, in *fuse.ReadIn, buf []byte) (fuse.ReadResult, fuse.Status) {
	h, err := s.handles.get(in.Fh)
	if err != nil {
		return nil, fuse.EBADF
	}
	n, err := h.Read(caller(cancel, &in.InHeader), buf, int64(in.Offset))
	if err != nil {
		return nil, s.failNode("read", h.Ino, err)
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
	if err := s.room.Wait(ctx, int64(len(data))); err != nil {
		return 0, s.fail("write", h.Ino, err)
	}
	n, err := h.Write(ctx, data, int64(in.Offset))
	if err != nil {
		return 0, s.failNode("write", h.Ino, err)
	}
	return uint32(n), fuse.OK
}

// Fsync makes a file durable.
func (s *FS) Fsync(_ <-chan struct{}, in *fuse.FsyncIn) fuse.Status {
	h, err := s.handles.get(in.Fh)
	if err != nil {
		return fuse.EBADF
	}
	if err := h.Sync(); err != nil {
		return s.failNode("fsync", h.Ino, err)
	}
	return s.fail("fsync", h.Ino, s.journal.Sync(s.ctx))
}

// mostCopied is how many bytes one call copies at most.
const mostCopied = 16 << 20

// CopyFileRange copies from one open file to another.
func (s *FS) CopyFileRange(cancel <-chan struct{}, in *fuse.CopyFileRangeIn) (uint32, fuse.Status) {
	from, err := s.handles.get(in.FhIn)
	if err != nil {
		return 0, fuse.EBADF
	}
	to, err := s.handles.get(in.FhOut)
	if err != nil {
		return 0, fuse.EBADF
	}
	if in.OffIn > math.MaxInt64 || in.OffOut > math.MaxInt64 {
		return 0, s.fail("copy_file_range", to.Ino, contents.ErrTooBig)
	}
	ctx := caller(cancel, &in.InHeader)
	length := int64(min(in.Len, mostCopied))
	if err := s.room.Wait(ctx, length); err != nil {
		return 0, s.fail("copy_file_range", to.Ino, err)
	}
	n, err := contents.CopyRange(ctx, to.File, int64(in.OffOut), from.File, int64(in.OffIn), length)
	if n == 0 && err != nil {
		return 0, s.failNode("copy_file_range", to.Ino, err)
	}
	return uint32(n), fuse.OK
}

// Fallocate takes room for a file, or makes a hole in it.
func (s *FS) Fallocate(cancel <-chan struct{}, in *fuse.FallocateIn) fuse.Status {
	h, err := s.handles.get(in.Fh)
	if err != nil {
		return fuse.EBADF
	}
	if err := s.checkRange(in.Offset, in.Length); err != nil {
		return s.fail("fallocate", h.Ino, err)
	}
	ctx := caller(cancel, &in.InHeader)
	if in.Mode&^unix.FALLOC_FL_KEEP_SIZE == 0 {
		if err := s.room.Wait(ctx, int64(in.Length)); err != nil {
			return s.fail("fallocate", h.Ino, err)
		}
	}
	return s.failNode("fallocate", h.Ino, h.Allocate(ctx, in.Mode, in.Offset, in.Length))
}

// checkRange refuses a range that is empty, or that no file has.
func (s *FS) checkRange(off, length uint64) error {
	most := uint64(s.options.MaxFileSize)
	switch {
	case length == 0:
		return contents.ErrInvalid
	case off > most || length > most-off:
		return contents.ErrTooBig
	}
	return nil
}

// Lseek finds data and holes.
func (s *FS) Lseek(_ <-chan struct{}, in *fuse.LseekIn, out *fuse.LseekOut) fuse.Status {
	h, err := s.handles.get(in.Fh)
	if err != nil {
		return fuse.EBADF
	}
	at, err := h.Seek(int64(in.Offset), int(in.Whence))
	if err != nil {
		return s.failNode("lseek", h.Ino, err)
	}
	out.Offset = uint64(at)
	return fuse.OK
}
