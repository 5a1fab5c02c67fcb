package trees

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// SameLinkCounts wants the link counts and device numbers of a source.
func SameLinkCounts(t *testing.T, source, point string) {
	t.Helper()
	err := filepath.WalkDir(point, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(point, path)
		if err != nil {
			return err
		}
		var want, got unix.Stat_t
		if err := errors.Join(unix.Lstat(filepath.Join(source, relative), &want), unix.Lstat(path, &got)); err != nil {
			return err
		}
		if got.Nlink != want.Nlink || got.Rdev != want.Rdev {
			t.Errorf("%q: %d links, device %x; want %d links, device %x", relative, got.Nlink, got.Rdev, want.Nlink, want.Rdev)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// NumbersOf lists the inode numbers, and wants directories to tell the same
// numbers and types as the inodes.
func NumbersOf(t *testing.T, point string) map[string]uint64 {
	t.Helper()
	numbers := map[string]uint64{}
	err := filepath.WalkDir(point, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return err
		}
		numbers[path] = st.Ino
		if info, err := e.Info(); err != nil || e.Type() != info.Mode().Type() {
			t.Errorf("%s: type %s in the directory, %v in the inode (%v)", path, e.Type(), info, err)
		}
		if !e.IsDir() {
			return nil
		}
		for _, d := range ReadDirents(t, path, 0) {
			if err := unix.Lstat(filepath.Join(path, d.Name), &st); err != nil || d.Name != ".." && st.Ino != d.Number {
				t.Errorf("%s/%s: number %d in the directory, %d in the inode (%v)", path, d.Name, d.Number, st.Ino, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return numbers
}

// Dirent is an entry as getdents tells it.
type Dirent struct {
	Name   string
	Number uint64
	Next   int64 // the position behind it
}

// ReadDirents lists a directory from a position on.
func ReadDirents(t *testing.T, path string, from int64) []Dirent {
	t.Helper()
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if _, err := unix.Seek(fd, from, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	var all []Dirent
	for buf := make([]byte, 1<<16); ; {
		n, err := unix.Getdents(fd, buf)
		if err != nil {
			t.Fatalf("list %s: %v", path, err)
		}
		if n == 0 {
			return all
		}
		for rest := buf[:n]; len(rest) > 0; {
			length := int(rest[16]) | int(rest[17])<<8
			name, _, _ := bytes.Cut(rest[19:length], []byte{0})
			all = append(all, Dirent{Name: string(name), Number: UnixUint64(rest), Next: int64(UnixUint64(rest[8:]))})
			rest = rest[length:]
		}
	}
}

func UnixUint64(b []byte) (n uint64) {
	for i := range 8 {
		n |= uint64(b[i]) << (8 * i)
	}
	return n
}
