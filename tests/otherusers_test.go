package tests

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// mustBeClosed wants no permission for other users on anything below a directory.
func mustBeClosed(t *testing.T, directory string) {
	t.Helper()
	seen := 0
	must(t, filepath.WalkDir(directory, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s is open to others: %v", path, info.Mode())
		}
		seen++
		return err
	}))
	if seen < 3 {
		t.Errorf("%s has %d files only", directory, seen)
	}
}

// openUmask makes the commands of a test run with umask 0.
func openUmask(t *testing.T) {
	old := unix.Umask(0)
	t.Cleanup(func() { unix.Umask(old) })
}

func TestOtherUsersCanReadNeitherStateNorContainer(t *testing.T) {
	p := newPlaces(t)
	openUmask(t)
	unreadable := filepath.Join(p.source, "unreadable")
	writeFile(t, unreadable, "kept from others")
	must(t, os.Chmod(unreadable, 0))
	c := command(t, []string{"load", "--new", "--exclude", "nothing", p.state, p.source, "dir:" + p.blobs})
	c.start().wait().mustExit(exitOK)
	mustBeClosed(t, p.state)
	mustBeClosed(t, p.blobs)

	i := newIntake(t)
	writeFile(t, i.path("file"), "contents")
	i.publish()
	mustBeClosed(t, i.state) // while it runs, with its socket and its logs
	mustBeClosed(t, i.target[len("dir:"):])
}

// A container in a directory that was there has blobs that others cannot read, and a
// STATE that others can enter is closed.
func TestWhatIsOpenToOthersIsClosedOrWarnedOf(t *testing.T) {
	p := newPlaces(t)
	must(t, os.Mkdir(p.blobs, 0o755))
	load := []string{"load", p.state, p.source, "dir:" + p.blobs}
	r := clfsload(t, append(load, "--new")...).mustExit(exitOK)
	blobs, err := os.ReadDir(p.blobs)
	must(t, err)
	for _, b := range blobs {
		mustBeClosedFile(t, filepath.Join(p.blobs, b.Name()))
	}
	if r.stderr != "" {
		t.Errorf("a directory that others can read is warned of: %s", r.stderr)
	}
	must(t, os.Chmod(p.state, 0o755))
	must(t, os.Chmod(p.blobs, 0o775))
	clfsload(t, load...).mustExit(exitOK).mustSay("other users could enter STATE", "remove and replace blobs")
	mustBeClosedFile(t, p.state)
}

func mustBeClosedFile(t *testing.T, path string) {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("%s is open to others: %v, %v", path, info.Mode(), err)
	}
}
