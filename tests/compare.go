package tests

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"clfsload/tests/inventory"
)

// listTree lists a source. Call it before the load, which may change atimes.
func listTree(t *testing.T, root string) inventory.Tree {
	t.Helper()
	tree, err := inventory.OfTree(root)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// directoryBlobs is a `dir:` container, read without the package that wrote it.
func directoryBlobs(t *testing.T, directory string) inventory.Blobs {
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

// readContainer walks a container and fails the test for all that breaks the
// format.
func readContainer(t *testing.T, blobs inventory.Blobs) inventory.Contents {
	t.Helper()
	contents := inventory.OfContainer(blobs)
	reportLines(t, "the container breaks the format", contents.Problems)
	return contents
}

// mustHold compares a source with a container that was made from it.
func mustHold(t *testing.T, source inventory.Tree, blobs inventory.Blobs, scope inventory.Scope) inventory.Contents {
	t.Helper()
	contents := readContainer(t, blobs)
	reportLines(t, "the container differs from its source", inventory.Compare(source, contents.Tree, scope))
	return contents
}

// reportLines fails the test if there are lines, and shows the first of them.
func reportLines(t *testing.T, what string, lines []string) {
	t.Helper()
	if len(lines) == 0 {
		return
	}
	shown := lines[:min(len(lines), 25)]
	t.Errorf("%s (%d times):\n  %s", what, len(lines), strings.Join(shown, "\n  "))
}

// mustNotBePublished wants a container that no cache would attach: it has no
// root object.
func mustNotBePublished(t *testing.T, blobs string) {
	t.Helper()
	roots, err := filepath.Glob(filepath.Join(blobs, "0000006457871C6B_*"))
	if err != nil || len(roots) > 0 {
		t.Errorf("the container was published: %q, %v", roots, err)
	}
}

// mustHoldAll compares the container with the source as it is now; only the
// attributes are not looked at that mending has changed after the listing.
func mustHoldAll(t *testing.T, source string, blobs inventory.Blobs) {
	t.Helper()
	scope := inventory.Full
	scope.Atime, scope.Ctime = false, false
	mustHold(t, listTree(t, source), blobs, scope)
}

// shared is for trees that other programs read while a test runs.
var shared = inventory.Scope{HardLinks: true, Ctime: true, FileID: true}

// asMounted is what a mount shows; inode numbers are the container's.
var asMounted = inventory.Scope{HardLinks: true, Ctime: true, Atime: true}

// asCopied is what copies keep: all but the ctime, which is when they were made.
var asCopied = inventory.Scope{HardLinks: true}

// exported are the contents of all regular files that the container's root reaches.
func exported(t *testing.T, blobs inventory.Blobs) map[string]string {
	t.Helper()
	if readable(t, blobs) == nil {
		return nil
	}
	to := t.TempDir()
	clfsload(t, "export", unpacked(t, blobs), to).mustExit(exitOK)
	files := map[string]string{}
	must(t, filepath.WalkDir(to, func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		files[strings.TrimPrefix(path, to+"/")] = string(data)
		return err
	}))
	return files
}

// asLeft is what an export restores and a look at its result leaves alone.
var asLeft = inventory.Scope{HardLinks: true}
