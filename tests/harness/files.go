package harness

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// BytesOf are all files of a directory that is not in use, but for logs and the number of the process that
// has locked it last.
func BytesOf(t *testing.T, directory string) (lines []string) {
	t.Helper()
	Must(t, filepath.WalkDir(directory, func(path string, d fs.DirEntry, err error) error {
		if err != nil || strings.HasSuffix(path, ".log") || d.Name() == "lock" {
			return err
		}
		info, err := d.Info()
		Must(t, err)
		data := []byte{}
		if d.Type().IsRegular() {
			data, err = os.ReadFile(path)
			Must(t, err)
		}
		lines = append(lines, fmt.Sprintf("%s %s %x", info.Mode(), path, data))
		return nil
	}))
	return lines
}

func WriteBytes(path string, flags int, text []byte, at int64) error {
	f, err := os.OpenFile(path, flags|unix.O_NOFOLLOW, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(text, at)
	return errors.Join(err, f.Close())
}

// SecretFile writes a credential where only its owner can read it.
func SecretFile(t *testing.T, secret string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "credentials")
	if err := os.WriteFile(path, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Must fails the test for an error of what a test does to its source.
func Must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func Remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func Truncate(t *testing.T, path string, size int64) {
	t.Helper()
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
}

func FlipByte(t *testing.T, path string, at int) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[at] ^= 1
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// SetTimes sets atime and mtime of path, to the nanosecond.
func SetTimes(t *testing.T, path string, atime, mtime unix.Timespec) {
	t.Helper()
	if err := unix.UtimesNanoAt(unix.AT_FDCWD, path, []unix.Timespec{atime, mtime}, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		t.Fatal(err)
	}
}

// WriteFile makes a small file with the given bytes.
func WriteFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// WriteSynced returns when the contents are on the disk.
func WriteSynced(path, text string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		return err
	}
	return f.Sync()
}

func Fsync(directory string) error {
	d, err := os.Open(directory)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

func Rename(from, to string, flags uint) error {
	return unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, flags)
}

// WriteAt writes something in several places of a file.
func WriteAt(t *testing.T, path string, data []byte, offsets ...int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	Must(t, err)
	for _, offset := range offsets {
		_, err := f.WriteAt(data, offset)
		Must(t, err)
	}
	Must(t, f.Close())
}

// WriteFiles makes many small files.
func WriteFiles(t *testing.T, directory string, n int) {
	t.Helper()
	for i := range n {
		path := filepath.Join(directory, strings.Repeat("f", 1+i%50)+string(rune('a'+i%26))+strings.Repeat("0", i/1300)+strings.Repeat("x", i%7))
		for {
			if _, err := os.Lstat(path); err != nil {
				break
			}
			path += "_"
		}
		WriteFile(t, path, strings.Repeat(path, 20))
	}
}

func MustNotExist(t *testing.T, path string) {
	t.Helper()
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("%s was left behind (%v)", path, err)
	}
}

func MustMkdir(t *testing.T, path string) {
	t.Helper()
	if err := os.Mkdir(path, 0o755); err != nil {
		t.Fatal(err)
	}
}

func LinesWithout(lines, others []string) []string {
	return slices.DeleteFunc(slices.Clone(lines), func(line string) bool { return slices.Contains(others, line) })
}

// InDirectory runs the binary there.
func InDirectory(directory string) Option { return func(c *exec.Cmd) { c.Dir = directory } }

// ContentsOf are the blobs of a directory.
func ContentsOf(t *testing.T, directory string) map[string][]byte {
	t.Helper()
	files, err := os.ReadDir(directory)
	Must(t, err)
	list := map[string][]byte{}
	for _, f := range files {
		if f.Type().IsRegular() && !strings.HasPrefix(f.Name(), ".") {
			data, err := os.ReadFile(filepath.Join(directory, f.Name()))
			Must(t, err)
			list[f.Name()] = data
		}
	}
	return list
}

func CopyTree(t *testing.T, from, to string) {
	t.Helper()
	RunTool(t, "cp", "-a", from, to)
}

func Decode(t *testing.T, text string, to any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), to); err != nil {
		t.Fatalf("%v in\n%s", err, Clip(text))
	}
}

func ReadText(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
