package trees

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"clfsload/tests/harness"
	"clfsload/tests/inventory"
)

// List lists a source. Call it before the load, which may change atimes.
func List(t *testing.T, root string) inventory.Tree {
	t.Helper()
	tree, err := inventory.OfTree(root)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// DirectoryBlobs is a `dir:` container, read without the package that wrote it.
func DirectoryBlobs(t *testing.T, directory string) inventory.Blobs {
	t.Helper()
	files, err := os.ReadDir(directory)
	if err != nil {
		t.Fatal(err)
	}
	blobs := inventory.Blobs{Get: func(name string) ([]byte, error) {
		return os.ReadFile(filepath.Join(directory, name))
	}}
	for _, file := range files {
		blobs.Names = append(blobs.Names, file.Name())
	}
	return blobs
}

// ReadContainer walks a container and fails the test for all that breaks the
// format.
func ReadContainer(t *testing.T, blobs inventory.Blobs) inventory.Contents {
	t.Helper()
	contents := inventory.OfContainer(blobs)
	ReportLines(t, "the container breaks the format", contents.Problems)
	return contents
}

// MustHold compares a source with a container that was made from it.
func MustHold(t *testing.T, source inventory.Tree, blobs inventory.Blobs, scope inventory.Scope) inventory.Contents {
	t.Helper()
	contents := ReadContainer(t, blobs)
	ReportLines(t, "the container differs from its source", inventory.Compare(source, contents.Tree, scope))
	return contents
}

// ReportLines fails the test if there are lines, and shows the first of them.
func ReportLines(t *testing.T, what string, lines []string) {
	t.Helper()
	if len(lines) == 0 {
		return
	}
	shown := lines[:min(len(lines), 25)]
	t.Errorf("%s (%d times):\n  %s", what, len(lines), strings.Join(shown, "\n  "))
}

// MustNotBePublished wants a container that no cache would attach: it has no
// root object.
func MustNotBePublished(t *testing.T, blobs string) {
	t.Helper()
	roots, err := filepath.Glob(filepath.Join(blobs, "0000006457871C6B_*"))
	if err != nil || len(roots) > 0 {
		t.Errorf("the container was published: %q, %v", roots, err)
	}
}

// MustHoldAll compares the container with the source as it is now; only the
// attributes are not looked at that mending has changed after the listing.
func MustHoldAll(t *testing.T, source string, blobs inventory.Blobs) {
	t.Helper()
	scope := inventory.Full
	scope.Atime, scope.Ctime = false, false
	MustHold(t, List(t, source), blobs, scope)
}

// Shared is for trees that other programs read while a test runs.
var Shared = inventory.Scope{HardLinks: true, Ctime: true, FileID: true}

// AsMounted is what a mount shows; inode numbers are the container's.
var AsMounted = inventory.Scope{HardLinks: true, Ctime: true, Atime: true}

// AsCopied is what copies keep: all but the ctime, which is when they were made.
var AsCopied = inventory.Scope{HardLinks: true}

// Exported are the contents of all regular files that the container's root reaches.
func Exported(t *testing.T, blobs inventory.Blobs) map[string]string {
	t.Helper()
	if Readable(t, blobs) == nil {
		return nil
	}
	to := t.TempDir()
	harness.Clfsload(t, "export", Unpacked(t, blobs), to).MustExit(harness.ExitOK)
	files := map[string]string{}
	harness.Must(t, filepath.WalkDir(to, func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		files[strings.TrimPrefix(path, to+"/")] = string(data)
		return err
	}))
	return files
}

// AsLeft is what an export restores and a look at its result leaves alone.
var AsLeft = inventory.Scope{HardLinks: true}
