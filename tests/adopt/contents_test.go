package adopt

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/clfs"
	"clfsload/tests/harness"
	"clfsload/tests/mounted"
	"clfsload/tests/trees"
)

// forgotten makes the kernel forget what it has of a file.
func forgotten(t *testing.T, path string) {
	t.Helper()
	f, err := os.Open(path)
	harness.Must(t, err)
	defer f.Close()
	harness.Must(t, unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED))
}

// mustReadAnew wants a file to have these bytes, however they are read.
func mustReadAnew(t *testing.T, path string, want []byte) {
	t.Helper()
	for range 2 {
		got, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%s has %d bytes, not the %d that were written, or others: %v", path, len(got), len(want), err)
		}
		forgotten(t, path)
	}
}

// Blocks that were read before a change are read as they are after it: the mount and the
// engine remember blocks, and the block maps of files that were adopted.
func TestBlocksOfAnAdoptedFileAreReadAsTheyAreNow(t *testing.T) {
	random := trees.SeededRandom(t)
	source := t.TempDir()
	path := filepath.Join(source, "file")
	trees.WriteNoise(t, path, clfs.FirstSegmentBytes+2*clfs.SegmentBytes+1_000_000, random)
	want, err := os.ReadFile(path)
	harness.Must(t, err)
	i := mounted.NewIntakeInto(t, harness.Loaded(t, source), mounted.Quickly...)
	mustReadAnew(t, i.Path("file"), want)
	for _, at := range []int64{100, clfs.FirstSegmentBytes + 5_000_000, clfs.FirstSegmentBytes + 5_000_000, int64(len(want)) - 5, clfs.FirstSegmentBytes + clfs.SegmentBytes - 50} {
		text := []byte("changed at " + string(rune('a'+random.IntN(26))))
		f, err := os.OpenFile(i.Path("file"), os.O_RDWR, 0)
		harness.Must(t, err)
		_, err = f.WriteAt(text, at)
		harness.Must(t, err)
		harness.Must(t, f.Close())
		want = append(want[:min(at, int64(len(want)))], append(text, want[min(at+int64(len(text)), int64(len(want))):]...)...)
		i.Flush()
		mustReadAnew(t, i.Path("file"), want)
		i.Publish()
		mustReadAnew(t, i.Path("file"), want)
	}
	i.MustBePublished()
}
