package tests

import (
	"path/filepath"
	"slices"
	"testing"

	"clfsload/tests/inventory"
)

// The reader that all other tests trust is itself held against containers that
// CLFSLoad wrote. What testdata/golden/README.md lists as known to differ is
// expected here word for word.
func TestReaderFindsTheGoldenTreeInContainersOfCLFSLoad(t *testing.T) {
	source := listTree(t, goldenTree(t))
	for _, golden := range []struct {
		archive, directory string
		hardLinks, lz4     bool
	}{
		{"container-lz4-hardlinks.tar.gz", "lz4", true, true},
		{"container-raw.tar.gz", "raw", false, false},
	} {
		t.Run(golden.directory, func(t *testing.T) {
			unpacked, err := untar(golden.archive)
			if err != nil {
				t.Fatal(err)
			}
			contents := inventory.OfContainer(directoryBlobs(t, filepath.Join(unpacked, golden.directory)))
			known := []string{`"links/utf8-target": size is 4, not 10`}
			if !slices.Equal(contents.Problems, known) {
				t.Errorf("problems %q, want %q", contents.Problems, known)
			}
			differences := inventory.Compare(asCLFSLoadKeeps(source), asCLFSLoadKeeps(contents.Tree), inventory.Scope{HardLinks: golden.hardLinks})
			reportLines(t, "the container differs from the golden tree", differences)
			if (contents.LZ4 > 0) != golden.lz4 {
				t.Errorf("%d compressed blobs", contents.LZ4)
			}
			if contents.RootName != "tree" {
				t.Errorf("the root is called %q", contents.RootName)
			}
		})
	}
}
