package scan

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/clfs"
	"clfsload/state"
)

// fixture is a source tree with a journal.
type fixture struct {
	t       *testing.T
	path    string
	tree    *Tree
	journal *state.Journal
	mu      sync.Mutex
	failed  []string // paths that Options.Failed was told
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{t: t, path: filepath.Join(t.TempDir(), "tree")}
	if err := os.Mkdir(f.path, 0o755); err != nil {
		t.Fatal(err)
	}
	f.open()
	return f
}

// open opens the tree as it is, with a new journal.
func (f *fixture) open() {
	f.t.Helper()
	var err error
	if f.tree, err = OpenTree(f.path); err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { f.tree.Close() })
	root, err := f.tree.Attr()
	if err != nil {
		f.t.Fatal(err)
	}
	s := state.Settings{Source: f.path, PreserveHardlinks: true, DirMgrCount: 48, Key: clfs.Key{1}}
	if f.journal, err = state.Create(filepath.Join(f.t.TempDir(), "state"), s, root); err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { f.journal.Close() })
}

func (f *fixture) write(path, data string) {
	f.t.Helper()
	if err := os.WriteFile(filepath.Join(f.path, path), []byte(data), 0o644); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) mkdir(path string) {
	f.t.Helper()
	if err := os.MkdirAll(filepath.Join(f.path, path), 0o755); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) scanner() *Scanner {
	return NewScanner(f.tree, f.journal, Options{Workers: 4, Failed: func(path string, _ state.Failure) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.failed = append(f.failed, path)
	}})
}

func (f *fixture) scan() {
	f.t.Helper()
	if err := f.scanner().Run(f.t.Context()); err != nil {
		f.t.Fatal(err)
	}
}

// rows returns what the journal has in a directory and below, by path.
func (f *fixture) rows() map[string]state.Inode {
	f.t.Helper()
	list := map[string]state.Inode{}
	total := f.journal.Totals().FoundInodes
	for n := range total - 1 {
		in, err := f.journal.Inode(f.t.Context(), state.Ino(clfs.FirstSequence+1+n))
		if err != nil {
			f.t.Fatal(err)
		}
		path, err := f.journal.Path(f.t.Context(), in)
		if err != nil {
			f.t.Fatal(err)
		}
		list[path] = in
	}
	return list
}

// failures lists the journal's failures as "path: op", in order.
func (f *fixture) failures() []string {
	f.t.Helper()
	var list []string
	if err := f.journal.EachFailure(f.t.Context(), func(x state.FailedEntry) error {
		list = append(list, fmt.Sprintf("%s: %s: %s", x.Path, x.Op, x.Reason))
		return nil
	}); err != nil {
		f.t.Fatal(err)
	}
	slices.Sort(list)
	return list
}

// deep makes a chain of directories whose path is longer than PATH_MAX, with a
// file in the last, and returns the file's path below the root.
func (f *fixture) deep(levels int) string {
	f.t.Helper()
	at, err := unix.Open(f.path, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		f.t.Fatal(err)
	}
	path := ""
	for i := range levels {
		name := fmt.Sprintf("%0100d", i)
		if err := unix.Mkdirat(at, name, 0o755); err != nil {
			f.t.Fatal(err)
		}
		next, err := unix.Openat(at, name, unix.O_PATH|unix.O_DIRECTORY, 0)
		unix.Close(at)
		if err != nil {
			f.t.Fatal(err)
		}
		at, path = next, filepath.Join(path, name)
	}
	defer unix.Close(at)
	fd, err := unix.Openat(at, "file", unix.O_CREAT|unix.O_WRONLY, 0o644)
	if err != nil {
		f.t.Fatal(err)
	}
	defer unix.Close(fd)
	if _, err := unix.Write(fd, []byte("deep")); err != nil {
		f.t.Fatal(err)
	}
	return filepath.Join(path, "file")
}
