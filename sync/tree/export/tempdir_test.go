package export_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/sync/tree/export"
	"clfsload/sync/tree/treetest"
)

func TestARunThatEndsEarlyLeavesNoTemporaries(t *testing.T) {
	b := treetest.New(t)
	f := big(b.Root.Dir("d"), "file", 0o644)
	b.Root.Dir("e").File("other", []byte("x"))
	b.Finish()
	b.Delete(f.SegmentBlob(0))
	dest := t.TempDir()
	if out := exportTo(t, b.Container, dest, export.Options{}); out.err == nil {
		t.Error("the run did not end")
	}
	mustHaveNoTemporaries(t, dest)
}

func TestTheNextRunRemovesWhatAKilledOneLeft(t *testing.T) {
	b := treetest.New(t)
	b.Root.Dir("d").File("file", []byte("x"))
	b.Finish()
	dest := t.TempDir()
	exportTo(t, b.Container, dest, export.Options{}).mustWork(t)
	left := filepath.Join(dest, "d", export.TempName(look(t, filepath.Join(dest, "d")).Ino))
	must(t, os.MkdirAll(filepath.Join(left, "draft-1"), 0o700), os.WriteFile(filepath.Join(left, "draft-2"), nil, 0o600))
	exportTo(t, b.Container, dest, export.Options{}).mustWork(t)
	mustHaveNoTemporaries(t, dest)
}

// The name of the temporary directory can be guessed, and a user who owns the
// directory can give it to what is his or root's.
func TestWhatHasTheNameOfATemporaryDirectoryIsNotUsed(t *testing.T) {
	b := treetest.New(t)
	b.Root.Dir("d").File("file", []byte("x"))
	b.Finish()
	for name, prepare := range map[string]func(path string) error{
		"a directory of his": func(path string) error { attackersDirectory(t, path); return os.Chmod(path, 0o700) },
		"a file":             func(path string) error { attackersFile(t, path); return nil },
		"a link":             func(path string) error { return os.Symlink("/", path) },
		"a fifo":             func(path string) error { return unix.Mkfifo(path, 0o666) },
		"an open directory":  func(path string) error { return errors.Join(os.Mkdir(path, 0o777), os.Chmod(path, 0o777)) },
	} {
		t.Run(name, func(t *testing.T) {
			dest := t.TempDir()
			d := attackersDirectory(t, filepath.Join(dest, "d"))
			path := filepath.Join(d, export.TempName(look(t, d).Ino))
			must(t, prepare(path))
			before := look(t, path)
			exportTo(t, b.Container, dest, export.Options{}).mustWork(t).mustHave(t, "d/file", "x")
			entries, err := os.ReadDir(d)
			must(t, err)
			for _, e := range entries {
				if e.Name() != "file" && e.Name() != filepath.Base(path) {
					t.Errorf("%s was left", e.Name())
				}
			}
			if after, err := os.Lstat(path); err == nil && look(t, path).Uid != before.Uid {
				t.Errorf("%v belongs to another user now", after)
			}
		})
	}
}

func TestRootsOwnDirectoryUnderThatNameKeepsItsContents(t *testing.T) {
	b := treetest.New(t)
	b.Root.Dir("d").File("file", []byte("x"))
	b.Finish()
	dest := t.TempDir()
	d := attackersDirectory(t, filepath.Join(dest, "d"))
	path := filepath.Join(d, export.TempName(look(t, d).Ino))
	must(t, os.Mkdir(path, 0o700), os.WriteFile(filepath.Join(path, "precious"), []byte("root's"), 0o600))
	out := exportTo(t, b.Container, dest, export.Options{KeepGoing: true})
	out.mustHave(t, "d/file", "x")
	out.mustHave(t, filepath.Join("d", filepath.Base(path), "precious"), "root's")
}
