package writable

import (
	"context"
	"errors"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"clfsload/state"
)

// Fallocate takes room for a file, or makes a hole in it.
func (s *FS) Fallocate(cancel <-chan struct{}, in *fuse.FallocateIn) fuse.Status {
	h, err := s.handles.get(in.Fh)
	if err != nil {
		return fuse.EBADF
	}
	if err := s.checkRange(in.Offset, in.Length); err != nil {
		return s.fail("fallocate", h.ino, err)
	}
	ctx := caller(cancel, &in.InHeader)
	if in.Mode&^unix.FALLOC_FL_KEEP_SIZE == 0 {
		if err := s.room.wait(ctx, int64(in.Length)); err != nil {
			return s.fail("fallocate", h.ino, err)
		}
	}
	return s.failNode("fallocate", h.ino, h.allocate(ctx, in.Mode, in.Offset, in.Length))
}

// checkRange refuses a range that is empty, or that no file has.
func (s *FS) checkRange(off, length uint64) error {
	most := uint64(s.options.MaxFileSize)
	switch {
	case length == 0:
		return errInvalid
	case off > most || length > most-off:
		return errTooBig
	}
	return nil
}

// allocate is fallocate(2). Ranges are made zero as holes.
func (f *file) allocate(ctx context.Context, mode uint32, off, length uint64) error {
	from, end := int64(off), int64(off+length)
	f.mu.Lock()
	defer f.mu.Unlock()
	keepSize := mode&unix.FALLOC_FL_KEEP_SIZE != 0
	switch mode &^ unix.FALLOC_FL_KEEP_SIZE {
	case 0:
		return f.reserve(ctx, from, end, keepSize)
	case unix.FALLOC_FL_PUNCH_HOLE:
		if !keepSize {
			return errUnsupported
		}
		return f.zero(ctx, from, end, true)
	case unix.FALLOC_FL_ZERO_RANGE:
		return f.zero(ctx, from, end, keepSize)
	}
	return errUnsupported
}

// reserve takes room on the disk. What is remote already has its room in the
// container, and is left there.
func (f *file) reserve(ctx context.Context, from, end int64, keepSize bool) error {
	if err := f.begin(); err != nil {
		return err
	}
	if err := f.ensureStaged(); err != nil {
		return err
	}
	if end > f.size && !keepSize {
		if err := f.prepare(ctx, f.size, end); err != nil {
			return err
		}
	}
	if f.remote.any(blockAt(from), blockAt(end-1)+1) {
		from = max(from, min(f.size, end-1))
	}
	mode := uint32(0)
	if keepSize {
		mode = unix.FALLOC_FL_KEEP_SIZE
	}
	err := f.staged.Allocate(mode, from, end-from)
	if err != nil && !keepSize { // some of it may be there
		err = errors.Join(err, f.staged.Truncate(f.size))
	}
	f.account()
	if err != nil {
		return err
	}
	if keepSize {
		end = f.size
	}
	f.modified(max(f.size, end))
	return nil
}

// zero makes a range zero.
func (f *file) zero(ctx context.Context, from, end int64, keepSize bool) error {
	if err := f.begin(); err != nil {
		return err
	}
	size := f.size
	if !keepSize {
		size = max(size, end)
	}
	end = min(end, size)
	if from >= end {
		return nil
	}
	// What is made zero as a whole is a hole in staging as long as it is remote.
	isEdge := func(index uint64) bool {
		at, length := state.BlockRange(index)
		return at < from || min(at+length, f.size) > end
	}
	if err := f.prepareBlocks(ctx, from, end, isEdge); err != nil {
		return err
	}
	if err := f.staged.Punch(from, end-from); err != nil {
		return err
	}
	if size > f.size {
		if err := f.staged.Truncate(size); err != nil {
			return err
		}
	}
	f.modified(size)
	f.account()
	return nil
}

// Lseek finds data and holes.
func (s *FS) Lseek(_ <-chan struct{}, in *fuse.LseekIn, out *fuse.LseekOut) fuse.Status {
	h, err := s.handles.get(in.Fh)
	if err != nil {
		return fuse.EBADF
	}
	at, err := h.seek(int64(in.Offset), int(in.Whence))
	if err != nil {
		return s.failNode("lseek", h.ino, err)
	}
	out.Offset = uint64(at)
	return fuse.OK
}

func (f *file) seek(off int64, whence int) (int64, error) {
	if err := f.share(); err != nil {
		return 0, err
	}
	defer f.mu.RUnlock()
	if off < 0 || off >= f.size {
		return 0, errNoSuchData
	}
	switch whence {
	case unix.SEEK_DATA:
		return f.seekData(off)
	case unix.SEEK_HOLE:
		return f.seekHole(off)
	}
	return 0, errInvalid
}

// seekData finds the next byte that is data. Remote blocks are data.
func (f *file) seekData(off int64) (int64, error) {
	at := f.size
	if next, found := f.remote.next(blockAt(off)); found {
		start, _ := state.BlockRange(next)
		at = max(start, off)
	}
	if f.staged != nil && at > off {
		local, found, err := f.staged.Find(off, unix.SEEK_DATA)
		if err != nil {
			return 0, err
		}
		if found {
			at = min(at, local)
		}
	}
	if at >= f.size {
		return 0, errNoSuchData
	}
	return at, nil
}

// seekHole finds the next byte that is in a hole, or the end of the file.
func (f *file) seekHole(off int64) (int64, error) {
	for off < f.size {
		index := blockAt(off)
		if f.remote.has(index) {
			at, length := state.BlockRange(index)
			off = at + length
			continue
		}
		if f.staged == nil {
			return off, nil
		}
		hole, found, err := f.staged.Find(off, unix.SEEK_HOLE)
		if err != nil {
			return 0, err
		}
		if !found {
			break
		}
		if hole >= f.size || !f.remote.has(blockAt(hole)) {
			off = hole
			break
		}
		off = hole
	}
	return min(off, f.size), nil
}
