package export

import (
	"fmt"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"clfsload/clfs"
	"clfsload/sync/tree"
)

// A folder is an open directory inside of the destination. Its methods take
// single names and follow no symbolic links. It is closed when every user has
// released it.
type folder struct {
	fd    int
	users atomic.Int32
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
		unix.Close(f.fd)
	}
}

// checkName refuses what is not the name of one file.
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

// open opens the directory name in f.
func (f *folder) open(name string) (*folder, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	var fd int
	err := retry(func() (err error) {
		fd, err = unix.Openat(f.fd, name, openFlags, 0)
		return err
	})
	if err == unix.ELOOP || err == unix.ENOTDIR {
		return nil, fmt.Errorf("%q is not a directory, and symbolic links are not followed", name)
	}
	if err != nil {
		return nil, err
	}
	return newFolder(fd), nil
}

// descend opens the directory at path below f, one name after the other.
func (f *folder) descend(path string) (*folder, error) {
	f.users.Add(1)
	at := f
	for name := range strings.SplitSeq(path, "/") {
		if name == "" {
			continue
		}
		next, err := at.open(name)
		at.release()
		if err != nil {
			return nil, err
		}
		at = next
	}
	return at, nil
}

// stat looks at name itself. found is false if there is nothing.
func (f *folder) stat(name string) (st unix.Stat_t, found bool, err error) {
	err = retry(func() error { return unix.Fstatat(f.fd, name, &st, unix.AT_SYMLINK_NOFOLLOW) })
	if err == unix.ENOENT {
		return st, false, nil
	}
	return st, err == nil, err
}

// mkdir makes a directory that only its owner may enter, until its attributes
// are set at the end.
func (f *folder) mkdir(name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	return unix.Mkdirat(f.fd, name, 0o700)
}

// create makes an empty file, instead of whatever has the name.
func (f *folder) create(name string) (fd int, err error) {
	if err := f.remove(name); err != nil {
		return -1, err
	}
	err = retry(func() error {
		fd, err = unix.Openat(f.fd, name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
		return err
	})
	return fd, err
}

// remove removes name if it is there and no directory.
func (f *folder) remove(name string) error {
	if err := unix.Unlinkat(f.fd, name, 0); err != nil && err != unix.ENOENT {
		return err
	}
	return nil
}

// settle gives the finished file temporary its name. Unless replace is set, a
// file that has the name stays and the error is EEXIST.
func (f *folder) settle(temporary, name string, replace bool) error {
	if err := checkName(name); err != nil {
		return err
	}
	if replace {
		return unix.Renameat(f.fd, temporary, f.fd, name)
	}
	err := unix.Renameat2(f.fd, temporary, f.fd, name, unix.RENAME_NOREPLACE)
	if err != unix.EINVAL && err != unix.ENOSYS {
		return err
	}
	// A file system without that: a link fails if the name is taken.
	if err := unix.Linkat(f.fd, temporary, f.fd, name, 0); err != nil {
		return err
	}
	return f.remove(temporary)
}

// attributes sets owner, times and mode of name, in this order: a change of owner
// clears the bits for set-user-id, and the mode may forbid to enter a directory.
// Without owners, those bits would give the rights of whoever exports, and are left out.
func (f *folder) attributes(name string, a clfs.Attr, owners bool) error {
	mode := a.Mode & 0o7777
	if !owners {
		mode &= 0o777
	} else if err := unix.Fchownat(f.fd, name, int(a.UID), int(a.GID), unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return fmt.Errorf("set owner %d:%d: %w", a.UID, a.GID, err)
	}
	times := []unix.Timespec{timespec(a.Atime), timespec(a.Mtime)}
	if err := unix.UtimesNanoAt(f.fd, name, times, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return fmt.Errorf("set times: %w", err)
	}
	if a.Type == clfs.TypeSymlink {
		return nil
	}
	if err := f.chmod(name, mode); err != nil {
		return fmt.Errorf("set mode %04o: %w", mode, err)
	}
	return nil
}

// unlock lets the owner of a directory that was there use it, until its attributes are
// set at the end. Whose it is not, he may have the rights all the same.
func (f *folder) unlock(name string, st *unix.Stat_t) error {
	const all = 0o700
	if st.Mode&all == all {
		return nil
	}
	if err := f.chmod(name, st.Mode&0o7777|all); err != nil && err != unix.EPERM {
		return err
	}
	return nil
}

// chmod changes the mode of name, which this run has made and which is no link.
// The kernel has no chmod that does not follow links everywhere; so the file
// is opened without following, and changed through its descriptor.
func (f *folder) chmod(name string, mode uint32) error {
	var fd int
	err := retry(func() (err error) {
		fd, err = unix.Openat(f.fd, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Chmod(fmt.Sprintf("/proc/self/fd/%d", fd), mode)
}

func timespec(t clfs.Time) unix.Timespec {
	return unix.Timespec{Sec: int64(t.Sec), Nsec: int64(min(t.Nsec, 999999999))}
}
