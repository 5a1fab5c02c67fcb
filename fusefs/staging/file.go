package staging

import (
	"container/list"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"

	"clfsload/state"
)

// A File is a staging file that somebody has. Its calls may be made concurrently. It is not safe
// to close it while it is used.
type File struct {
	files *descriptors
	ino   state.Ino // 0: a directory of staging files
	path  string
	flags int // to open it with

	// The lock of descriptors guards these.
	fd      int // -1: not open at the moment
	users   int // calls that use fd
	opening bool
	at      *list.Element // in descriptors.open
}

var _ io.ReaderAt = (*File)(nil)

func (f *File) fail(operation string, err error) error {
	if f.ino == 0 {
		return fmt.Errorf("%s staging directory: %w", operation, err)
	}
	return fmt.Errorf("%s staging file of inode %d: %w", operation, f.ino, err)
}

// call makes a system call with the file's descriptor.
func (f *File) call(operation string, do func(fd int) error) error {
	if err := f.files.use(f); err != nil {
		return err
	}
	defer f.files.unused(f)
	_, err := again(func() (int, error) { return 0, do(f.fd) })
	if err != nil {
		return f.fail(operation, err)
	}
	return nil
}

// Close closes the file.
func (f *File) Close() error { return f.files.close(f) }

// ReadAt fills p from off on. At the end of the file it returns what there is,
// and io.EOF.
func (f *File) ReadAt(p []byte, off int64) (int, error) {
	if err := f.files.use(f); err != nil {
		return 0, err
	}
	defer f.files.unused(f)
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
	if err := f.files.use(f); err != nil {
		return 0, err
	}
	defer f.files.unused(f)
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
	return f.call("truncate", func(fd int) error { return unix.Ftruncate(fd, size) })
}

// SetModified sets the modification time, in nanoseconds since 1970.
func (f *File) SetModified(mtime int64) error {
	sec, nsec := state.SplitNanoseconds(mtime)
	times := []unix.Timespec{{Nsec: unix.UTIME_OMIT}, {Sec: sec, Nsec: nsec}}
	return f.call("set the time of", func(fd int) error {
		return unix.UtimesNanoAt(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", fd), times, 0)
	})
}

// Sync makes the contents durable.
func (f *File) Sync() error { return f.call("sync", unix.Fdatasync) }

// Blocks is what the file takes on the disk, in units of 512 bytes.
func (f *File) Blocks() int64 {
	var st unix.Stat_t
	if f.call("stat", func(fd int) error { return unix.Fstat(fd, &st) }) != nil {
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
	return f.call("allocate", func(fd int) error { return unix.Fallocate(fd, mode, off, length) })
}

// Find finds the next data (unix.SEEK_DATA) or hole (unix.SEEK_HOLE) from off on.
// found is false when there is none behind off.
func (f *File) Find(off int64, whence int) (at int64, found bool, err error) {
	err = f.call("seek in", func(fd int) (err error) {
		at, err = unix.Seek(fd, off, whence)
		return err
	})
	if errors.Is(err, unix.ENXIO) {
		return 0, false, nil
	}
	return at, err == nil, err
}

// CopyRange copies bytes from another file within the disk, and says how many.
func (f *File) CopyRange(off int64, from *File, fromOff int64, length int) (int, error) {
	if err := f.files.use(f, from); err != nil {
		return 0, err
	}
	defer f.files.unused(f, from)
	n, err := again(func() (int, error) { return unix.CopyFileRange(from.fd, &fromOff, f.fd, &off, length, 0) })
	if err != nil {
		return 0, f.fail("copy into", err)
	}
	return n, nil
}
