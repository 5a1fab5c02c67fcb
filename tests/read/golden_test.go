package read

import (
	"path/filepath"
	"slices"
	"testing"

	"clfsload/tests/inventory"
	"clfsload/tests/trees"
)

// The reader that all other tests trust is itself held against containers that
// CLFSLoad wrote. What testdata/golden/README.md lists as known to differ is
// expected here word for word.
func TestReaderFindsTheGoldenTreeInContainersOfCLFSLoad(t *testing.T) {
	source := trees.List(t, trees.Golden(t))
	for _, golden := range []struct {
		archive, directory string
		hardLinks, lz4     bool
	}{
		{"container-lz4-hardlinks.tar.gz", "lz4", true, true},
		{"container-raw.tar.gz", "raw", false, false},
	} {
		t.Run(golden.directory, func(t *testing.T) {
			unpacked, err := trees.Untar(golden.archive)
			if err != nil {
				t.Fatal(err)
			}
			contents := inventory.OfContainer(trees.DirectoryBlobs(t, filepath.Join(unpacked, golden.directory)))
			known := []string{`"links/utf8-target": size is 4, not 10`}
			if !slices.Equal(contents.Problems, known) {
				t.Errorf("problems %q, want %q", contents.Problems, known)
			}
			differences := inventory.Compare(trees.AsCLFSLoadKeeps(source), trees.AsCLFSLoadKeeps(contents.Tree), inventory.Scope{HardLinks: golden.hardLinks})
			trees.ReportLines(t, "the container differs from the golden tree", differences)
			if (contents.LZ4 > 0) != golden.lz4 {
				t.Errorf("%d compressed blobs", contents.LZ4)
			}
			if contents.RootName != "tree" {
				t.Errorf("the root is called %q", contents.RootName)
			}
		})
	}
}
