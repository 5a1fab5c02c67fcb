package adopt

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/clfs"
	"clfsload/sync/tree/treetest"
	"clfsload/tests/harness"
	"clfsload/tests/inventory"
	"clfsload/tests/trees"
)

// built is a container that package treetest has made, in a directory.
func built(t *testing.T, b *treetest.Builder) (target string) {
	t.Helper()
	directory := filepath.Join(t.TempDir(), "container")
	harness.MustMkdir(t, directory)
	b.Container.Each(func(name string, data []byte) {
		harness.Must(t, os.WriteFile(filepath.Join(directory, name), data, 0o644))
	})
	return "dir:" + directory
}

// ofTypes counts names by the type that they tell.
func ofTypes(t *testing.T, names []string) map[clfs.Type]int {
	t.Helper()
	count := map[clfs.Type]int{}
	for _, text := range names {
		n, err := clfs.ParseName(text)
		harness.Must(t, err)
		count[n.Type]++
	}
	return count
}

// mustChange wants a container to have as many new and lost blobs of each type as given, and
// no other blob to be written but the bucket object.
func mustChange(t *testing.T, c trees.Changed, added, gone map[clfs.Type]int) {
	t.Helper()
	if !maps.Equal(ofTypes(t, c.Added), added) || !maps.Equal(ofTypes(t, c.Gone), gone) || !slices.Equal(c.Rewritten, []string{trees.BucketBlob}) {
		t.Errorf("changed are\n%s", c)
	}
}

// editor makes the same changes to several trees. What they touch gets the same times.
type editor struct {
	t     *testing.T
	roots []string
	now   int64 // s; each change has a time of its own
}

func newEditor(t *testing.T, roots ...string) *editor { return &editor{t, roots, 1_500_000_000} }

// do makes a change in each tree. touched are the paths whose times it changes.
func (e *editor) do(change func(root string) error, touched ...string) {
	e.t.Helper()
	e.now++
	pinned := unix.Timespec{Sec: e.now, Nsec: 123_456_000}
	for _, root := range e.roots {
		harness.Must(e.t, change(root))
		for _, name := range touched {
			times := []unix.Timespec{pinned, pinned}
			harness.Must(e.t, unix.UtimesNanoAt(unix.AT_FDCWD, filepath.Join(root, name), times, unix.AT_SYMLINK_NOFOLLOW))
		}
	}
}

// write makes a file, or overwrites what is in it from an offset on.
func (e *editor) write(name string, at int64, text []byte) {
	e.t.Helper()
	e.do(func(root string) error {
		f, err := os.OpenFile(filepath.Join(root, name), os.O_RDWR|os.O_CREATE, 0o644)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = f.WriteAt(text, at)
		return err
	}, name, filepath.Dir(name))
}

func (e *editor) truncate(name string, size int64) {
	e.t.Helper()
	e.do(func(root string) error { return os.Truncate(filepath.Join(root, name), size) }, name)
}

func (e *editor) mkdir(name string) {
	e.t.Helper()
	e.do(func(root string) error { return os.Mkdir(filepath.Join(root, name), 0o755) }, name, filepath.Dir(name))
}

func (e *editor) rename(from, to string) {
	e.t.Helper()
	e.do(func(root string) error { return os.Rename(filepath.Join(root, from), filepath.Join(root, to)) }, filepath.Dir(from), filepath.Dir(to))
}

func (e *editor) link(from, to string) {
	e.t.Helper()
	e.do(func(root string) error { return os.Link(filepath.Join(root, from), filepath.Join(root, to)) }, filepath.Dir(to))
}

func (e *editor) remove(name string) {
	e.t.Helper()
	e.do(func(root string) error { return os.RemoveAll(filepath.Join(root, name)) }, filepath.Dir(name))
}

func (e *editor) symlink(text, name string) {
	e.t.Helper()
	e.do(func(root string) error { return os.Symlink(text, filepath.Join(root, name)) }, name, filepath.Dir(name))
}

func (e *editor) chmod(name string, mode os.FileMode) {
	e.t.Helper()
	e.do(func(root string) error { return os.Chmod(filepath.Join(root, name), mode) })
}

// mapped writes through a shared mapping of the file.
func (e *editor) mapped(name string, at int, text []byte) {
	e.t.Helper()
	e.do(func(root string) error {
		f, err := os.OpenFile(filepath.Join(root, name), os.O_RDWR, 0)
		if err != nil {
			return err
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			return err
		}
		memory, err := unix.Mmap(int(f.Fd()), 0, int(info.Size()), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
		if err != nil {
			return err
		}
		copy(memory[at:], text)
		if err := unix.Msync(memory, unix.MS_SYNC); err != nil {
			return err
		}
		return unix.Munmap(memory)
	}, name)
}

// soundButFor reads the container and wants the problems that are known, and no other.
func soundButFor(t *testing.T, blobs inventory.Blobs, known ...string) inventory.Contents {
	t.Helper()
	contents := inventory.OfContainer(blobs)
	trees.ReportLines(t, "the container breaks the format", harness.LinesWithout(contents.Problems, known))
	return contents
}
