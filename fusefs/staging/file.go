package staging

import (
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"

	"clfsload/state"
)

// A File is an open staging file. It is not safe to close it while it is used.
type File struct {
	fd  int
	ino state.Ino
}

var _ io.ReaderAt = (*File)(nil)

func (f *File) fail(operation string, err error) error {
	return fmt.Errorf("%s staging file of inode %d: %w", operation, f.ino, err)
}

// Close closes the file.
func (f *File) Close() error { return unix.Close(f.fd) }

// Fd is its file descriptor.
func (f *File) Fd() int { return f.fd }

// ReadAt fills p from off on. At the end of the file it returns what there is,
// and io.EOF.
func (f *File) ReadAt(p []byte, off int64) (int, error) {
	done := 0
	for done < len(p) {
		n, err := again(func() (int, error) { return unix.Pread(f.fd, p[done:], off+int64(done)) })
		if err != nil {
			return done, f.fail("read", err)
		}
		if n == 0 {
			return done, io.EOF
		}
		done += n
	}
	return done, nil
}

// WriteAt writes p at off. When it fails in the middle it says how many bytes were
// written before.
func (f *File) WriteAt(p []byte, off int64) (int, error) {
	done := 0
	for done < len(p) {
		n, err := again(func() (int, error) { return unix.Pwrite(f.fd, p[done:], off+int64(done)) })
		if err != nil {
			return done, f.fail("write", err)
		}
		done += n
	}
	return done, nil
}

// Truncate sets the size in bytes.
func (f *File) Truncate(size int64) error {
	_, err := again(func() (int, error) { return 0, unix.Ftruncate(f.fd, size) })
	if err != nil {
		return f.fail("truncate", err)
	}
	return nil
}

// SetModified sets the modification time, in nanoseconds since 1970.
func (f *File) SetModified(mtime int64) error {
	sec, nsec := state.SplitNanoseconds(mtime)
	times := []unix.Timespec{{Nsec: unix.UTIME_OMIT}, {Sec: sec, Nsec: nsec}}
	if err := unix.UtimesNanoAt(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", f.fd), times, 0); err != nil {
		return f.fail("set the time of", err)
	}
	return nil
}

// Sync makes the contents durable.
func (f *File) Sync() error {
	_, err := again(func() (int, error) { return 0, unix.Fdatasync(f.fd) })
	if err != nil {
		return f.fail("sync", err)
	}
	return nil
}

// Blocks is what the file takes on the disk, in units of 512 bytes.
func (f *File) Blocks() int64 {
	var st unix.Stat_t
	if unix.Fstat(f.fd, &st) != nil {
		return 0
	}
	return st.Blocks
}

// Punch makes a range a hole. The size stays.
func (f *File) Punch(off, length int64) error {
	return f.Allocate(unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, off, length)
}

// Allocate is fallocate(2).
func (f *File) Allocate(mode uint32, off, length int64) error {
	_, err := again(func() (int, error) { return 0, unix.Fallocate(f.fd, mode, off, length) })
	if err != nil {
		return f.fail("allocate", err)
	}
	return nil
}

// Find finds the next data (unix.SEEK_DATA) or hole (unix.SEEK_HOLE) from off on.
// found is false when there is none behind off.
func (f *File) Find(off int64, whence int) (at int64, found bool, err error) {
	at, err = unix.Seek(f.fd, off, whence)
	if errors.Is(err, unix.ENXIO) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, f.fail("seek in", err)
	}
	return at, true, nil
}

// CopyRange copies bytes from another file within the disk, and says how many.
func (f *File) CopyRange(off int64, from *File, fromOff int64, length int) (int, error) {
	n, err := again(func() (int, error) { return unix.CopyFileRange(from.fd, &fromOff, f.fd, &off, length, 0) })
	if err != nil {
		return 0, f.fail("copy into", err)
	}
	return n, nil
}
