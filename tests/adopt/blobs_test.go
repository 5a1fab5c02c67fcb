package adopt

import (
	"os"
	"path/filepath"
	"testing"

	"clfsload/clfs"
	"clfsload/sync/tree/treetest"
	"clfsload/tests/harness"
	"clfsload/tests/mounted"
	"clfsload/tests/trees"
)

// types is how many blobs there are of each type.
type types = map[clfs.Type]int

// thousand is a tree with a directory of 1,000 entries, which has one segment beside the first,
// and another directory that has nothing to do with it.
func thousand(t *testing.T) (source string) {
	t.Helper()
	source = t.TempDir()
	for name, entries := range map[string]int{"thousand": 1000, "others": 20} {
		harness.MustMkdir(t, filepath.Join(source, name))
		trees.Fill(t, filepath.Join(source, name), entries)
	}
	return source
}

// A change writes what it needs: nothing of the other 1,000 files, or of the directory above.
func TestAChangeInALargeDirectoryWritesFewBlobs(t *testing.T) {
	target := harness.Loaded(t, thousand(t))
	for _, c := range []struct {
		name        string
		change      func(directory string) error
		added, gone types
	}{
		{"a new file",
			func(d string) error { return os.WriteFile(filepath.Join(d, "new"), []byte("text"), 0o644) },
			types{clfs.TypeRegular: 1, clfs.TypeDirectory: 1, clfs.TypeSegment: 1}, types{clfs.TypeDirectory: 1, clfs.TypeSegment: 1}},
		{"contents of a file",
			func(d string) error { return os.WriteFile(filepath.Join(d, "entry-000500"), []byte("text"), 0o644) },
			types{clfs.TypeRegular: 1}, types{clfs.TypeRegular: 1}},
		{"the mode of a file",
			func(d string) error { return os.Chmod(filepath.Join(d, "entry-000501"), 0o600) },
			types{clfs.TypeRegular: 1}, types{clfs.TypeRegular: 1}},
		{"a file that is removed",
			func(d string) error { return os.Remove(filepath.Join(d, "new")) },
			types{clfs.TypeDirectory: 1, clfs.TypeSegment: 1}, types{clfs.TypeRegular: 1, clfs.TypeDirectory: 1, clfs.TypeSegment: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			i := mounted.NewIntakeInto(t, target, mounted.Quickly...)
			before := harness.ContentsOf(t, i.Container())
			harness.Must(t, c.change(i.Path("thousand")))
			i.Unmounted()
			mustChange(t, trees.ChangesOf(before, harness.ContentsOf(t, i.Container())), c.added, c.gone)
			trees.ReadContainer(t, i.Blobs())
			harness.Clfsload(t, "verify", target).MustExit(harness.ExitOK)
		})
	}
}

// In a file of many segments only those are written that have changed, and the blocks that lead
// to them.
func TestAChangeInALargeFileWritesFewBlobs(t *testing.T) {
	const segments = 1100 // of which some are behind the direct list
	b := treetest.New(t)
	large := b.Root.File("large", nil)
	b.Finish()
	large.Sparse(segments + 1)
	target := built(t, b)
	offset := func(segment int64) int64 { return clfs.FirstSegmentBytes + segment*clfs.SegmentBytes + 77 }
	for _, c := range []struct {
		name        string
		change      func(path string) error
		added, gone types
	}{
		{"in holes", writesAt(offset(500), offset(900), offset(1050), offset(segments-1)),
			types{clfs.TypeRegular: 1, clfs.TypeSegment: 4, clfs.TypeIndirect: 1}, types{clfs.TypeRegular: 1, clfs.TypeIndirect: 1}},
		{"in the first bytes", writesAt(0), types{clfs.TypeRegular: 1}, types{clfs.TypeRegular: 1}},
		{"in a direct segment", writesAt(offset(500)), types{clfs.TypeRegular: 1, clfs.TypeSegment: 1}, types{clfs.TypeRegular: 1, clfs.TypeSegment: 1}},
		{"in one behind an indirect block", writesAt(offset(1050)),
			types{clfs.TypeRegular: 1, clfs.TypeSegment: 1, clfs.TypeIndirect: 1}, types{clfs.TypeRegular: 1, clfs.TypeSegment: 1, clfs.TypeIndirect: 1}},
		{"at the end", writesAt(offset(segments)),
			types{clfs.TypeRegular: 1, clfs.TypeSegment: 1, clfs.TypeIndirect: 1}, types{clfs.TypeRegular: 1, clfs.TypeIndirect: 1}},
		{"cut within a direct segment", cutsTo(offset(900)), types{clfs.TypeRegular: 1, clfs.TypeSegment: 1},
			types{clfs.TypeRegular: 1, clfs.TypeSegment: 4, clfs.TypeIndirect: 1}},
		{"cut to nothing", cutsTo(0), types{clfs.TypeRegular: 1}, types{clfs.TypeRegular: 1, clfs.TypeSegment: 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			i := mounted.NewIntakeInto(t, target, mounted.Quickly...)
			before := harness.ContentsOf(t, i.Container())
			harness.Must(t, c.change(i.Path("large")))
			i.Unmounted()
			mustChange(t, trees.ChangesOf(before, harness.ContentsOf(t, i.Container())), c.added, c.gone)
		})
	}
	trees.ReadContainer(t, trees.Lived(trees.DirectoryBlobs(t, target[len("dir:"):])))
}

func writesAt(offsets ...int64) func(path string) error {
	return func(path string) error {
		for _, at := range offsets {
			if err := harness.WriteBytes(path, os.O_WRONLY, []byte("changed"), at); err != nil {
				return err
			}
		}
		return nil
	}
}

func cutsTo(size int64) func(path string) error {
	return func(path string) error { return os.Truncate(path, size) }
}
