package staging

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"clfsload/state"
)

// A Store is a directory of staging files. Its methods may be called concurrently.
type Store struct {
	dir     string
	root    *os.File // the directory itself, for syncfs
	buckets [256]bucket
	usage   atomic.Int64 // bytes on the disk of the buckets that are counted
	counted atomic.Bool
	files   descriptors
}

// bucket is one of the directories.
type bucket struct {
	counted atomic.Bool // its files are in the usage
}

// Open opens the staging directory dir, which is made when it is not there.
func Open(dir string) (*Store, error) {
	for i := range 256 {
		if err := os.MkdirAll(filepath.Join(dir, bucketName(i)), 0o700); err != nil {
			return nil, fmt.Errorf("make staging directory: %w", err)
		}
	}
	root, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("open staging directory: %w", err)
	}
	s := &Store{dir: dir, root: root}
	s.files.init()
	if err := errors.Join(root.Sync(), state.SyncDir(filepath.Dir(dir))); err != nil {
		return nil, errors.Join(fmt.Errorf("sync staging directory: %w", err), root.Close())
	}
	return s, nil
}

// LimitOpen bounds how many staging files are open for the system at a time, 2 or more. Beyond
// that, calls of files wait for each other. It is to be called before anything is opened.
func (s *Store) LimitOpen(most int) { s.files.most = most }

// Close gives the directory back. Files that are open stay usable.
func (s *Store) Close() error { return s.root.Close() }

const hex = "0123456789abcdef"

func bucketName(i int) string { return string([]byte{hex[i>>4], hex[i&15]}) }

func (s *Store) path(ino state.Ino) string {
	return s.dir + "/" + bucketName(int(ino&0xff)) + "/" + strconv.FormatUint(uint64(ino), 16)
}

// Open opens the staging file of an inode for reading and writing. The error is
// os.ErrNotExist when it has none.
func (s *Store) Open(ino state.Ino) (*File, error) { return s.open(ino, unix.O_RDWR) }

// Create is Open, and makes the file when there is none.
func (s *Store) Create(ino state.Ino) (*File, error) { return s.open(ino, unix.O_RDWR|unix.O_CREAT) }

func (s *Store) open(ino state.Ino, flags int) (*File, error) {
	f := s.file(ino, s.path(ino), flags)
	if err := s.files.use(f); err != nil {
		return nil, err
	}
	f.flags &^= unix.O_CREAT
	s.files.unused(f)
	return f, nil
}

func (s *Store) file(ino state.Ino, path string, flags int) *File {
	return &File{files: &s.files, ino: ino, path: path, flags: flags, fd: -1}
}

// Remove removes the staging file of an inode, if there is one.
func (s *Store) Remove(ino state.Ino) error {
	var st unix.Stat_t
	path := s.path(ino)
	err := unix.Lstat(path, &st)
	if err == nil {
		err = unix.Unlink(path)
	}
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("remove staging file of inode %d: %w", ino, err)
	}
	s.Account(ino, -st.Blocks*512)
	return nil
}

// Stat returns the size in bytes of an inode's staging file and its modification
// time in nanoseconds since 1970. ok is false when it has none.
func (s *Store) Stat(ino state.Ino) (size, mtime int64, ok bool) {
	var st unix.Stat_t
	if unix.Lstat(s.path(ino), &st) != nil {
		return 0, 0, false
	}
	return st.Size, state.Nanoseconds(st.Mtim.Sec, st.Mtim.Nsec), true
}

// Blocks is what an inode's staging file takes, in units of 512 bytes; 0 when it
// has none.
func (s *Store) Blocks(ino state.Ino) int64 {
	var st unix.Stat_t
	if unix.Lstat(s.path(ino), &st) != nil {
		return 0
	}
	return st.Blocks
}

// SyncFS makes all staging files durable. It writes out everything that waits in
// their file system.
func (s *Store) SyncFS() error {
	if err := unix.Syncfs(int(s.root.Fd())); err != nil {
		return fmt.Errorf("sync staging files: %w", err)
	}
	return nil
}

// SyncName makes the name of an inode's staging file durable.
func (s *Store) SyncName(ino state.Ino) error {
	dir := s.file(0, filepath.Dir(s.path(ino)), unix.O_RDONLY|unix.O_DIRECTORY)
	return errors.Join(dir.call("sync", unix.Fsync), dir.Close())
}

// Disk is how many bytes the file system of the staging files has, and how many
// of them are free.
func (s *Store) Disk() (total, free int64, err error) {
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(s.root.Fd()), &st); err != nil {
		return 0, 0, fmt.Errorf("ask for room for staging files: %w", err)
	}
	return int64(st.Blocks) * st.Frsize, int64(st.Bavail) * st.Frsize, nil
}

// again repeats a system call that a signal has interrupted: the Go runtime
// sends itself signals.
func again[T any](call func() (T, error)) (T, error) {
	for {
		v, err := call()
		if !errors.Is(err, unix.EINTR) {
			return v, err
		}
	}
}
