package adopt

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/tests/harness"
	"clfsload/tests/inventory"
	"clfsload/tests/mounted"
	"clfsload/tests/trees"
)

// linksIn is how many links a mount says that a file has.
func linksIn(t *testing.T, path string) uint64 {
	t.Helper()
	var st unix.Stat_t
	harness.Must(t, unix.Lstat(path, &st))
	return uint64(st.Nlink)
}

// sharedFile is a container with a file of several names: one in each of the directories a to
// d, which lie at different depths, and two in e.
func sharedFile(t *testing.T) (target string, names []string) {
	t.Helper()
	source := t.TempDir()
	names = []string{"a/one", "x/b/two", "x/y/c/three", "d/four", "e/five", "e/six"}
	for n, name := range names {
		path := filepath.Join(source, name)
		harness.Must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		harness.WriteFile(t, filepath.Join(filepath.Dir(path), "other"), name)
		_ = os.Remove(path)
		if n == 0 {
			harness.WriteFile(t, path, "text")
		} else {
			harness.Must(t, os.Link(filepath.Join(source, names[0]), path))
		}
	}
	return harness.Loaded(t, source), names
}

// A name of a file with others, in directories that nobody has looked into, does what it does
// anywhere.
func TestNamesOfAFileWithOthersInDirectoriesThatWereNotRead(t *testing.T) {
	remove := func(paths ...string) func(root string) error {
		return func(root string) error {
			for _, path := range paths {
				if err := os.Remove(filepath.Join(root, path)); err != nil {
					return err
				}
			}
			return nil
		}
	}
	move := func(from, to string) func(root string) error {
		return func(root string) error { return unix.Rename(filepath.Join(root, from), filepath.Join(root, to)) }
	}
	for _, c := range []struct {
		name   string
		change func(root string) error
		left   int // names
	}{
		{"nothing", func(string) error { return nil }, 6},
		{"the first name is removed", remove("a/one"), 5},
		{"a name far below is removed", remove("x/y/c/three"), 5},
		{"one of two in a directory is removed", remove("e/five"), 5},
		{"both of a directory are removed", remove("e/six", "e/five"), 4},
		{"names are removed one after the other", remove("x/b/two", "a/one", "e/six", "d/four"), 2},
		{"all names are removed", remove("x/b/two", "a/one", "e/six", "d/four", "x/y/c/three", "e/five"), 0},
		{"another file takes the place", move("a/other", "a/one"), 5},
		{"it takes another's place", move("a/one", "d/other"), 6},
		{"a name takes the place of another", move("a/one", "d/four"), 6},
		{"a name moves to a new directory", func(root string) error {
			return cmp.Or(os.Mkdir(filepath.Join(root, "new"), 0o755), move("d/four", "new/four")(root))
		}, 6},
		{"two names change places", func(root string) error {
			return harness.Rename(filepath.Join(root, "x/b/two"), filepath.Join(root, "e/other"), unix.RENAME_EXCHANGE)
		}, 6},
		{"a directory with a name moves", move("x/b", "moved"), 6},
		{"a directory with a name is removed", func(root string) error { return os.RemoveAll(filepath.Join(root, "x/b")) }, 5},
		{"all directories are removed", func(root string) error {
			for _, name := range []string{"e", "x", "a", "d"} {
				if err := os.RemoveAll(filepath.Join(root, name)); err != nil {
					return err
				}
			}
			return nil
		}, 0},
		{"its mode is changed by one name", func(root string) error { return os.Chmod(filepath.Join(root, "d/four"), 0o600) }, 6},
		{"it gets a further name", func(root string) error {
			return os.Link(filepath.Join(root, "x/b/two"), filepath.Join(root, "a/seven"))
		}, 7},
		{"it is written by one name", func(root string) error {
			return os.WriteFile(filepath.Join(root, "x/y/c/three"), []byte("written"), 0o644)
		}, 6},
	} {
		t.Run(c.name, func(t *testing.T) {
			target, names := sharedFile(t)
			i := mounted.NewIntakeInto(t, target, mounted.Quickly...)
			harness.Must(t, c.change(i.Point))
			i.Publish()
			tree := i.MustBePublished().Tree // lists all that was not read
			mustCountLinks(t, i, names, c.left)
			i.Unmounted()
			harness.Clfsload(t, "verify", target).MustExit(harness.ExitOK)
			i.AdoptAnew(mounted.Quickly...)
			mustCountLinks(t, i, names, c.left)
			trees.ReportLines(t, "after another adoption", inventory.Compare(tree, trees.List(t, i.Point), trees.AsMounted))
		})
	}
}

// mustCountLinks wants the shared file to have so many links, wherever it is found.
func mustCountLinks(t *testing.T, i *mounted.Intake, names []string, want int) {
	t.Helper()
	for _, name := range append(names, "d/other", "moved/two", "a/seven", "new/four", "e/other") {
		var st unix.Stat_t
		if unix.Lstat(i.Path(name), &st) == nil && st.Nlink > 1 && int(st.Nlink) != want {
			t.Errorf("%s has %d links, not %d", name, st.Nlink, want)
		}
	}
}

// The count is right before anybody has looked into the directories of the other names.
func TestTheLinkCountIsRightRightAfterAdoption(t *testing.T) {
	target, names := sharedFile(t)
	for _, name := range names {
		i := mounted.NewIntakeInto(t, target, mounted.Quickly...)
		if n := linksIn(t, i.Path(name)); n != uint64(len(names)) {
			t.Errorf("%s has %d links", name, n)
		}
		i.Unmounted()
	}
}

// farm makes trees whose files are all the same, as rsnapshot does.
func farm(t *testing.T, copies, directories, files int) (source string) {
	t.Helper()
	source = t.TempDir()
	for d := range directories {
		directory := filepath.Join(source, "tree-0", fmt.Sprint("directory-", d), "deep")
		harness.Must(t, os.MkdirAll(directory, 0o755))
		for f := range files {
			harness.WriteFile(t, filepath.Join(directory, fmt.Sprint("file-", f)), fmt.Sprint("text of ", d, f))
		}
	}
	for n := 1; n < copies; n++ {
		harness.RunTool(t, "cp", "-al", filepath.Join(source, "tree-0"), filepath.Join(source, fmt.Sprint("tree-", n)))
	}
	return source
}

// Trees that share their files go one after the other, though nobody has looked into those that
// stay.
func TestTreesThatShareTheirFilesAreRemovedOneAfterAnother(t *testing.T) {
	const copies = 4
	source := farm(t, copies, 5, 20)
	i := mounted.NewIntakeInto(t, harness.Loaded(t, source), mounted.Quickly...)
	for n := range copies - 1 {
		name := fmt.Sprint("tree-", n)
		harness.Must(t, os.RemoveAll(i.Path(name)))
		harness.Must(t, os.RemoveAll(filepath.Join(source, name)))
		i.Unmounted()
		contents := trees.ReadContainer(t, i.Blobs())
		want := trees.List(t, source)
		delete(want, ".")
		delete(contents.Tree, ".")
		trees.ReportLines(t, "what stays is not what was there", inventory.Compare(want, contents.Tree, inventory.Scope{HardLinks: true}))
		harness.Clfsload(t, "verify", i.Target).MustExit(harness.ExitOK)
		i.AdoptAnew(mounted.Quickly...)
	}
	if n := linksIn(t, i.Path("tree-3/directory-0/deep/file-0")); n != 1 {
		t.Errorf("the last file has %d links", n)
	}
}
