package export

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"clfsload/sync/tree"
)

// A folder is an open directory inside of the destination. Its methods take single names and follow
// no symbolic links. It is closed when every user has released it.
type folder struct {
	fd    int
	users atomic.Int32

	mu   sync.Mutex
	temp *tempDir // nil until something is made in the folder
}

const openFlags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC

// newFolder owns fd and has one user.
func newFolder(fd int) *folder {
	f := &folder{fd: fd}
	f.users.Store(1)
	return f
}

func (f *folder) release() {
	if f.users.Add(-1) == 0 {
		_ = f.closeTemp()
		unix.Close(f.fd)
	}
}

// checkName refuses a name that is not a single file name.
func checkName(name string) error {
	if !tree.ValidName([]byte(name)) {
		return fmt.Errorf("%q cannot be a file's name", name)
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

// openAt opens name in the directory dir.
func openAt(dir int, name string, flags int) (fd int, err error) {
	err = retry(func() (err error) {
		fd, err = unix.Openat(dir, name, flags|unix.O_CLOEXEC, 0o600)
		return err
	})
	return fd, err
}

// openNames opens the directory at path below the directory dir, one name after the other.
func openNames(dir int, path string) (fd int, err error) {
	at := dir
	for name := range strings.SplitSeq(path, "/") {
		fd, err = openDirectory(at, name)
		if at != dir {
			unix.Close(at)
		}
		if err != nil {
			return -1, err
		}
		at = fd
	}
	return fd, nil
}

// openDirectory opens the directory name in the directory dir.
func openDirectory(dir int, name string) (fd int, err error) {
	if err := checkName(name); err != nil {
		return -1, err
	}
	fd, err = openAt(dir, name, openFlags)
	if err == unix.ELOOP || err == unix.ENOTDIR {
		return -1, fmt.Errorf("%q is not a directory, and symbolic links are not followed", name)
	}
	return fd, err
}

// stat reads the status of name itself. found is false if there is nothing.
func (f *folder) stat(name string) (st status, found bool, err error) {
	if err := checkName(name); err != nil {
		return st, false, err
	}
	st, err = statAt(f.fd, name)
	if err == unix.ENOENT {
		return st, false, nil
	}
	return st, err == nil, err
}

// look opens name itself, of any type, without effect on it: it follows no symbolic link and opens
// no fifo or device. The error is ENOENT if there is nothing.
func (f *folder) look(name string) (fd int, st status, err error) {
	if err := checkName(name); err != nil {
		return -1, st, err
	}
	if fd, err = openAt(f.fd, name, unix.O_PATH|unix.O_NOFOLLOW); err != nil {
		return -1, st, err
	}
	if st, err = statAt(fd, ""); err != nil {
		unix.Close(fd)
		return -1, st, err
	}
	return fd, st, nil
}

// remove removes name if it exists and is not a directory.
func (f *folder) remove(name string) error {
	if err := unix.Unlinkat(f.fd, name, 0); err != nil && err != unix.ENOENT {
		return err
	}
	return nil
}

// errReplaced is about a directory or file that another user removed or exchanged after the export
// made it or found it.
var errReplaced = errors.New("another process moved or replaced it during the export")
