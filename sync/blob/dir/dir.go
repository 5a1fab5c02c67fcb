package dir

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"clfsload/sync/blob"
)

// Container is a directory that holds blobs. See Open.
type Container struct {
	path  string
	fd    int // the directory; no os.File, which could be closed by the collector during a system call
	slots *slots

	mu     sync.Mutex
	window window // what the last List read ahead

	memory memory
}

var (
	_ blob.Container   = (*Container)(nil)
	_ blob.Syncer      = (*Container)(nil)
	_ blob.WholePutter = (*Container)(nil)
)

// Open returns the container in the directory path. The error wraps
// blob.ErrContainerMissing if there is no such directory.
func Open(path string) (*Container, error) {
	fd, err := openat(unix.AT_FDCWD, path, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil, fmt.Errorf("open container %s: %w", path, openError(err))
	}
	c := &Container{path: path, fd: fd, slots: newSlots()}
	c.removeStale()
	return c, nil
}

// Create creates the directory path, unless it exists, and opens it. Its parent must exist. The
// directory is closed to other users, and so is every blob in an existing one: its contents may be
// private.
func Create(path string) (*Container, error) {
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, fmt.Errorf("create container %s: %w", path, openError(err))
	}
	return Open(path)
}

// Close closes the directory. The container must not be used afterwards.
func (c *Container) Close() error {
	return unix.Close(c.fd)
}

// String returns the directory's path with "dir:" before it.
func (c *Container) String() string { return "dir:" + c.path }

// Sync implements blob.Syncer with syncfs(2), which writes all dirty data of the directory's file
// system. If the path no longer leads to the directory, where others will look for it, the error
// wraps blob.ErrContainerMissing.
func (c *Container) Sync(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("sync: %w", err)
	}
	if c.moved() {
		return fmt.Errorf("sync: %w: %s was moved or replaced", blob.ErrContainerMissing, c.path)
	}
	if err := unix.Syncfs(c.fd); err != nil {
		return fmt.Errorf("sync: %w", c.wrap(err))
	}
	return nil
}

// Get implements blob.Container. MD5 is nil.
func (c *Container) Get(ctx context.Context, name string, offset, length int64) (blob.Object, error) {
	if err := check(ctx, name); err != nil {
		return blob.Object{}, fmt.Errorf("get %s: %w", name, err)
	}
	o, err := c.read(name, offset, length)
	if err != nil {
		return blob.Object{}, fmt.Errorf("get %s: %w", name, c.wrap(err))
	}
	return o, nil
}

func (c *Container) read(name string, offset, length int64) (blob.Object, error) {
	// Do not wait for the other end of a FIFO in place of a blob.
	fd, err := openat(c.fd, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_NOCTTY)
	if err != nil {
		return blob.Object{}, err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return blob.Object{}, err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return blob.Object{}, errNotRegular
	}
	n := max(st.Size-offset, 0)
	if length >= 0 {
		n = min(n, length)
	} else if n > blob.MaxWhole {
		return blob.Object{}, fmt.Errorf("%d bytes, more than the maximum of %d bytes for one read", n, blob.MaxWhole)
	}
	data, err := readAt(fd, make([]byte, n), offset)
	return blob.Object{Info: blob.Info{Name: name, Size: st.Size}, Data: data}, err
}

// Delete implements blob.Container.
func (c *Container) Delete(ctx context.Context, name string) error {
	if err := check(ctx, name); err != nil {
		return fmt.Errorf("delete %s: %w", name, err)
	}
	err := retry(func() error { return unix.Unlinkat(c.fd, name, 0) })
	if err != nil && !(errors.Is(err, unix.ENOENT) && !c.gone()) {
		return fmt.Errorf("delete %s: %w", name, c.wrap(err))
	}
	return nil
}

func check(ctx context.Context, name string) error {
	if err := blob.CheckName(name); err != nil {
		return err
	}
	return ctx.Err()
}

// openat opens name in the directory dirfd and returns a descriptor.
func openat(dirfd int, name string, flags int) (fd int, err error) {
	err = retry(func() error {
		fd, err = unix.Openat(dirfd, name, flags|unix.O_CLOEXEC, 0o600)
		return err
	})
	return fd, err
}

// readAt fills buf from offset, and truncates it at the end of the file.
func readAt(fd int, buf []byte, offset int64) ([]byte, error) {
	for done := 0; done < len(buf); {
		n, err := unix.Pread(fd, buf[done:], offset+int64(done))
		switch {
		case err == unix.EINTR:
		case err != nil:
			return nil, err
		case n == 0:
			return buf[:done], nil
		}
		done += max(n, 0)
	}
	return buf, nil
}

func write(fd int, data []byte) error {
	for len(data) > 0 {
		n, err := unix.Write(fd, data)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return err
		case n == 0:
			return io.ErrShortWrite
		}
		data = data[n:]
	}
	return nil
}

// retry repeats a system call that a signal interrupted.
func retry(call func() error) error {
	for {
		if err := call(); err != unix.EINTR {
			return err
		}
	}
}
