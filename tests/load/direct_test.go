//go:build !race

package load

import (
	"os"
	"path/filepath"
	"testing"

	"clfsload/clfs"
	"clfsload/tests/harness"
	"clfsload/tests/inventory"
)

// What is in this file takes minutes under the race detector, and shows it
// nothing that the smaller trees do not.

// The direct list and a few pointers of the first indirect tree: 8.6 GB, of
// holes.
func TestAFilePastTheDirectBlocksComesThrough(t *testing.T) {
	source := t.TempDir()
	const segments = clfs.MaxDirect - 1 + 3
	path := filepath.Join(source, "sparse")
	harness.WriteFile(t, path, "at the start")
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	size := int64(clfs.FirstSegmentBytes + segments*clfs.SegmentBytes - 5)
	for _, offset := range []int64{clfs.SegmentBytes * 1000, size - clfs.SegmentBytes*2, size - 1} {
		if _, err := file.WriteAt([]byte("!"), offset); err != nil {
			t.Fatal(err)
		}
	}
	loads(t, source, inventory.Full)
}
