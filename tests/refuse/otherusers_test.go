package refuse

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/tests/harness"
	"clfsload/tests/mounted"
)

// mustBeClosed wants no permission for other users on anything below a directory.
func mustBeClosed(t *testing.T, directory string) {
	t.Helper()
	seen := 0
	harness.Must(t, filepath.WalkDir(directory, func(path string, d fs.DirEntry, err error) error {
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
	p := harness.NewPlaces(t)
	openUmask(t)
	unreadable := filepath.Join(p.Source, "unreadable")
	harness.WriteFile(t, unreadable, "kept from others")
	harness.Must(t, os.Chmod(unreadable, 0))
	c := harness.Command(t, []string{"load", "--new", "--exclude", "nothing", p.State, p.Source, "dir:" + p.Blobs})
	c.Start().Wait().MustExit(harness.ExitOK)
	mustBeClosed(t, p.State)
	mustBeClosed(t, p.Blobs)

	i := mounted.NewIntake(t)
	harness.WriteFile(t, i.Path("file"), "contents")
	i.Publish()
	mustBeClosed(t, i.State) // while it runs, with its socket and its logs
	mustBeClosed(t, i.Target[len("dir:"):])
}

// A container in a directory that was there has blobs that others cannot read, and a
// STATE that others can enter is closed.
func TestWhatIsOpenToOthersIsClosedOrWarnedOf(t *testing.T) {
	p := harness.NewPlaces(t)
	harness.Must(t, os.Mkdir(p.Blobs, 0o755))
	load := []string{"load", p.State, p.Source, "dir:" + p.Blobs}
	r := harness.Clfsload(t, append(load, "--new")...).MustExit(harness.ExitOK)
	blobs, err := os.ReadDir(p.Blobs)
	harness.Must(t, err)
	for _, b := range blobs {
		mustBeClosedFile(t, filepath.Join(p.Blobs, b.Name()))
	}
	if r.Stderr != "" {
		t.Errorf("a directory that others can read is warned of: %s", r.Stderr)
	}
	harness.Must(t, os.Chmod(p.State, 0o755))
	harness.Must(t, os.Chmod(p.Blobs, 0o775))
	harness.Clfsload(t, load...).MustExit(harness.ExitOK).MustSay("other users could enter STATE", "remove and replace blobs")
	mustBeClosedFile(t, p.State)
}

func mustBeClosedFile(t *testing.T, path string) {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("%s is open to others: %v, %v", path, info.Mode(), err)
	}
}
