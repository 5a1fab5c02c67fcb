package scan

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"clfsload/clfs"
	"clfsload/state"
	"clfsload/sync/deepdir"
)

// Tree is a source directory that is held open.
type Tree struct {
	path string
	root *os.File
	dev  uint64 // st_dev of the root

	above deepdir.Opener

	systems sync.Map // type of generated file system by Attr.Dev; "" for others
}

// OpenTree opens the directory path. Errors wrap those of open(2).
func OpenTree(path string) (*Tree, error) {
	// Without O_DIRECTORY, the open of a fifo would wait for a writer.
	root, err := os.OpenFile(path, os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	t := &Tree{path: path, root: root}
	t.above.Root = int(root.Fd())
	t.above.Open = func(dir int, names, _ string) (int, error) {
		return openBeneath(dir, names, unix.O_PATH|unix.O_DIRECTORY)
	}
	a, err := t.Attr()
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	t.dev = a.Dev
	return t, nil
}

// Close closes the directory.
func (t *Tree) Close() error {
	t.above.Forget()
	return t.root.Close()
}

// Attr returns the attributes of the root directory.
func (t *Tree) Attr() (state.Attr, error) {
	a, err := t.fstat(int(t.root.Fd()))
	if err != nil {
		return state.Attr{}, &os.PathError{Op: "stat", Path: t.path, Err: err}
	}
	return a, nil
}

func (t *Tree) fstat(fd int) (state.Attr, error) {
	var st unix.Stat_t
	if err := retryEINTR(func() error { return unix.Fstat(fd, &st) }); err != nil {
		return state.Attr{}, err
	}
	return t.attrOf(&st)
}

// openDirectory opens a directory by its path below the root.
func (t *Tree) openDirectory(path string) (*os.File, error) {
	fd, err := t.open(path, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), path), nil
}

// open resolves path, which may be longer than PATH_MAX, without following links.
func (t *Tree) open(path string, flags int) (fd int, err error) {
	fd = -1
	err = t.above.Near(path, func(dir int, rest string) error {
		fd, err = openBeneath(dir, rest, flags)
		return err
	})
	return fd, err
}

// openBeneath opens a path below the directory at, without following a link in any
// part of it.
func openBeneath(at int, path string, flags int) (fd int, err error) {
	if path == "" {
		path = "."
	}
	flags |= unix.O_CLOEXEC | unix.O_NOFOLLOW
	how := unix.OpenHow{
		Flags:   uint64(flags),
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS,
	}
	err = retryEINTR(func() error {
		fd, err = unix.Openat2(at, path, &how)
		return err
	})
	// Kernels before 5.6 have no openat2, and some sandboxes forbid it.
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) {
		return openByParts(at, path, flags)
	}
	return fd, err
}

// openByParts does the same with one system call for each part of the path.
func openByParts(at int, path string, flags int) (fd int, err error) {
	parts := strings.Split(path, "/")
	dir := at
	for i, part := range parts {
		partFlags := unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC | unix.O_NOFOLLOW
		if i == len(parts)-1 {
			partFlags = flags
		}
		err = retryEINTR(func() error {
			fd, err = unix.Openat(dir, part, partFlags, 0)
			return err
		})
		if dir != at {
			unix.Close(dir)
		}
		if err != nil {
			return -1, err
		}
		dir = fd
	}
	return fd, nil
}

// File is an open regular file of the tree.
type File struct {
	tree *Tree
	fd   int
}

// Open opens a regular file by its path below the root. If a fifo has replaced the file, Open does
// not wait. If permitted, it does not change the access time.
func (t *Tree) Open(path string) (*File, error) {
	const flags = unix.O_RDONLY | unix.O_NONBLOCK
	fd, err := t.open(path, flags|unix.O_NOATIME)
	if errors.Is(err, unix.EPERM) {
		fd, err = t.open(path, flags)
	}
	if err != nil {
		return nil, err
	}
	return &File{t, fd}, nil
}

// Attr returns the attributes of the open file.
func (f *File) Attr() (state.Attr, error) { return f.tree.fstat(f.fd) }

// ReadAt reads len(p) bytes; fewer with io.EOF when the file ends before.
func (f *File) ReadAt(p []byte, offset int64) (int, error) {
	done := 0
	for done < len(p) {
		n, err := unix.Pread(f.fd, p[done:], offset+int64(done))
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return done, err
		case n == 0:
			return done, io.EOF
		}
		done += n
	}
	return done, nil
}

// Close closes the file.
func (f *File) Close() error { return unix.Close(f.fd) }

// lstat returns the attributes of a name in an open directory.
func (t *Tree) lstat(dir *os.File, name string) (state.Attr, error) {
	var st unix.Stat_t
	err := retryEINTR(func() error {
		return unix.Fstatat(int(dir.Fd()), name, &st, unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT)
	})
	if err != nil {
		return state.Attr{}, err
	}
	return t.attrOf(&st)
}

// readlink returns the target of a symbolic link in an open directory. A target
// that CLFS cannot hold is an error.
func readlink(dir *os.File, name string) ([]byte, error) {
	buf := make([]byte, clfs.MaxTargetBytes+1)
	var n int
	err := retryEINTR(func() (err error) {
		n, err = unix.Readlinkat(int(dir.Fd()), name, buf)
		return err
	})
	if err != nil {
		return nil, err
	}
	if n > clfs.MaxTargetBytes {
		return nil, fmt.Errorf("target is longer than %d bytes, the maximum of CLFS", clfs.MaxTargetBytes)
	}
	return buf[:n], nil
}

func retryEINTR(call func() error) error {
	for {
		if err := call(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
