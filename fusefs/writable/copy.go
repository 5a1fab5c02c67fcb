package writable

import (
	"context"
	"math"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// mostCopied is how many bytes one call copies at most, and copyPiece how many of
// them at a time where the disk does not do it alone.
const (
	mostCopied = 16 << 20
	copyPiece  = 1 << 20
)

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
		return 0, s.fail("copy_file_range", to.ino, errTooBig)
	}
	ctx := caller(cancel, &in.InHeader)
	length := int64(min(in.Len, mostCopied))
	if err := s.room.wait(ctx, length); err != nil {
		return 0, s.fail("copy_file_range", to.ino, err)
	}
	n, err := copyRange(ctx, to.file, int64(in.OffOut), from.file, int64(in.OffIn), length)
	if n == 0 && err != nil {
		return 0, s.failNode("copy_file_range", to.ino, err)
	}
	return uint32(n), fuse.OK
}

// copyRange copies up to length bytes, and says how many.
func copyRange(ctx context.Context, to *file, off int64, from *file, fromOff, length int64) (int, error) {
	if to != from {
		n, err := copyStaged(ctx, to, off, from, fromOff, length)
		if n > 0 || err != nil {
			return n, err
		}
	}
	buf := make([]byte, min(length, copyPiece))
	done := 0
	for int64(done) < length {
		n, err := from.read(ctx, buf[:min(int64(len(buf)), length-int64(done))], fromOff+int64(done), nil)
		if n == 0 || err != nil {
			return done, err
		}
		n, err = to.write(ctx, buf[:n], off+int64(done))
		done += n
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

// copyStaged lets the disk copy what is local. It returns 0 where it cannot.
func copyStaged(ctx context.Context, to *file, off int64, from *file, fromOff, length int64) (int, error) {
	if err := lockBoth(from, to); err != nil {
		return 0, err
	}
	defer to.mu.Unlock()
	defer from.mu.RUnlock()
	length = min(length, from.size-fromOff, to.system.options.MaxFileSize-off)
	if length <= 0 || from.staged == nil || from.remote.any(blockAt(fromOff), blockAt(fromOff+length-1)+1) {
		return 0, nil
	}
	if err := to.prepare(ctx, off, off+length); err != nil {
		return 0, err
	}
	n, err := to.staged.CopyRange(off, from.staged, fromOff, int(length))
	if err != nil {
		return 0, nil // not every disk can do this
	}
	if n > 0 {
		to.modified(max(to.size, off+int64(n)))
		to.queue(off, off+int64(n))
	}
	to.account()
	return n, nil
}

// lockBoth locks one file for reading and another one for writing, always in the
// order of their numbers, so that two copies do not wait for each other.
func lockBoth(from, to *file) error {
	if from.ino < to.ino {
		if err := from.share(); err != nil {
			return err
		}
		to.mu.Lock()
		return nil
	}
	to.mu.Lock()
	if err := from.share(); err != nil {
		to.mu.Unlock()
		return err
	}
	return nil
}
