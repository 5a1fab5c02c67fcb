package export

import (
	"fmt"

	"golang.org/x/sys/unix"

	"clfsload/clfs"
)

// status is the kernel's description of a file.
type status struct{ unix.Statx_t }

// statAt reads the status of name in the directory dir without following a symbolic link; with an
// empty name, that of the descriptor dir itself.
func statAt(dir int, name string) (st status, err error) {
	err = retry(func() error {
		return unix.Statx(dir, name, unix.AT_SYMLINK_NOFOLLOW|unix.AT_EMPTY_PATH, unix.STATX_BASIC_STATS|unix.STATX_BTIME, &st.Statx_t)
	})
	return st, err
}

func (s *status) kind() uint32 { return uint32(s.Mode) & unix.S_IFMT }

func (s *status) isDir() bool { return s.kind() == unix.S_IFDIR }

// permissions are the mode without the file type.
func (s *status) permissions() uint32 { return uint32(s.Mode) & 0o7777 }

func (s *status) hasTime(t clfs.Time) bool {
	want := timespec(t)
	return s.Mtime.Sec == want.Sec && int64(s.Mtime.Nsec) == want.Nsec
}

// An identity distinguishes a file from every other one. The time of birth and the owner
// distinguish it from a later file that another user made and that got the same inode number:
// nobody can set the time of birth, and only root the owner. A birth of 0 is not known.
type identity struct {
	dev, ino, birth int64
	uid             uint32
}

func (s *status) identity() identity {
	return identity{
		dev:   int64(unix.Mkdev(s.Dev_major, s.Dev_minor)),
		ino:   int64(s.Ino),
		birth: s.Btime.Sec*1e9 + int64(s.Btime.Nsec),
		uid:   s.Uid,
	}
}

// is reports whether id and seen describe the same file.
func (id identity) is(seen identity) bool {
	if id.birth == 0 {
		seen.birth = 0
	}
	return id == seen
}

// fdPath is a path to the file of fd, which no change of a directory can redirect. For a symbolic
// link it leads to the link.
func fdPath(fd int) string { return fmt.Sprintf("/proc/self/fd/%d", fd) }

func timespec(t clfs.Time) unix.Timespec {
	return unix.Timespec{Sec: int64(t.Sec), Nsec: int64(min(t.Nsec, 999999999))}
}
