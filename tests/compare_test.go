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
