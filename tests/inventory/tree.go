package inventory

import (
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"clfsload/clfs"
)

// seed makes the hashes of one process comparable.
var seed = maphash.MakeSeed()

// OfTree lists the tree under root. It opens files without touching their
// atimes, so that a load that follows sees what was listed; that needs root.
// Sockets are listed too. A time that the format cannot hold is listed as what
// the format makes of it.
func OfTree(root string) (Tree, error) {
	l := lister{tree: Tree{}, inodes: map[string][]string{}}
	if err := l.list(root, "."); err != nil {
		return nil, fmt.Errorf("list %s: %w", root, err)
	}
	l.tree.setGroups(l.inodes)
	return l.tree, nil
}

type lister struct {
	tree   Tree
	inodes map[string][]string // device and inode -> paths
}

func (l lister) list(root, path string) error {
	full := root
	if path != "." {
		full = root + "/" + path
	}
	var st unix.Stat_t
	if err := lstat(full, &st); err != nil {
		return err
	}
	inode := fmt.Sprint(st.Dev, "/", st.Ino)
	if links := l.inodes[inode]; len(links) > 0 {
		again := l.tree[links[0]]
		again.Path = path
		l.tree[path] = again
		l.inodes[inode] = append(links, path)
		return nil
	}
	entry, err := entryOf(path, full, &st)
	if err != nil {
		return err
	}
	if entry.Type == clfs.TypeSymlink {
		// Reading a link touches its atime, and there is no quiet way.
		if err := lstat(full, &st); err != nil {
			return err
		}
		entry.Atime = timeOf(st.Atim)
	}
	l.tree[path] = entry
	l.inodes[inode] = []string{path}
	if entry.Type != clfs.TypeDirectory {
		return nil
	}
	names, err := namesIn(full)
	for _, name := range names {
		if err := l.list(root, join(path, name)); err != nil {
			return err
		}
	}
	return err
}

// lstat repeats what a signal interrupts: on a FUSE mount that happens, and the
// Go runtime sends itself signals.
func lstat(path string, st *unix.Stat_t) error {
	for {
		err := unix.Lstat(path, st)
		if err == nil {
			return nil
		}
		if !errors.Is(err, unix.EINTR) {
			return &os.PathError{Op: "lstat", Path: path, Err: err}
		}
	}
}

func entryOf(path, full string, st *unix.Stat_t) (Entry, error) {
	entry := Entry{
		Path: path, Group: path, Mode: st.Mode & 0xFFFF, UID: st.Uid, GID: st.Gid, FileID: st.Ino,
		Mtime: timeOf(st.Mtim), Ctime: timeOf(st.Ctim), Atime: timeOf(st.Atim),
	}
	var err error
	if entry.Type, err = clfs.TypeOfMode(st.Mode); err != nil {
		return entry, &os.PathError{Op: "lstat", Path: full, Err: err}
	}
	switch entry.Type {
	case clfs.TypeRegular:
		entry.Size = uint64(st.Size)
		entry.Hash, err = hashOfFile(full)
	case clfs.TypeSymlink:
		entry.Size = uint64(st.Size)
		entry.Target, err = os.Readlink(full)
	case clfs.TypeBlock, clfs.TypeChar:
		entry.Major, entry.Minor = unix.Major(st.Rdev), unix.Minor(st.Rdev)
	}
	return entry, err
}

func timeOf(ts unix.Timespec) clfs.Time {
	t, _ := clfs.NewTime(ts.Sec, ts.Nsec)
	return t
}

func openQuietly(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_NOATIME|syscall.O_NOFOLLOW, 0)
}

func namesIn(directory string) ([]string, error) {
	file, err := openQuietly(directory)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return file.Readdirnames(-1)
}

func hashOfFile(path string) (uint64, error) {
	file, err := openQuietly(path)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	var h maphash.Hash
	h.SetSeed(seed)
	if _, err := io.CopyBuffer(&h, struct{ io.Reader }{file}, make([]byte, 1<<20)); err != nil {
		return 0, fmt.Errorf("read %s: %w", path, err)
	}
	return h.Sum64(), nil
}
