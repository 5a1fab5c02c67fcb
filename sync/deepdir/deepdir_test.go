package deepdir

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// A counter opens directories of any name and counts the names.
type counter struct {
	Opener
	names int
}

func newCounter(t *testing.T) *counter {
	t.Helper()
	root, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	c := &counter{}
	c.Root = int(root.Fd())
	c.Open = func(dir int, names, _ string) (int, error) {
		c.names += 1 + strings.Count(names, "/")
		return unix.FcntlInt(uintptr(dir), unix.F_DUPFD_CLOEXEC, 0)
	}
	t.Cleanup(c.Forget)
	return c
}

// walk passes through a chain of directories.
func (c *counter) walk(t *testing.T, from, to, step int) {
	t.Helper()
	for depth := from; depth != to; depth += step {
		err := c.Near(strings.Repeat("d/", depth)+"d", func(_ int, rest string) error {
			c.names += 1 + strings.Count(rest, "/")
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestADirectoryCostsNoMoreNamesTheDeeperItIs(t *testing.T) {
	for _, levels := range []int{1200, 5000} {
		c := newCounter(t)
		c.walk(t, 0, levels, 1)
		c.walk(t, levels-1, -1, -1)
		if each := c.names / (2 * levels); each > Names {
			t.Errorf("%d names for each of %d levels", each, levels)
		}
	}
}

func openDescriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

func TestFewDirectoriesStayOpenAndNoneAreForgotten(t *testing.T) {
	c := newCounter(t)
	before := openDescriptors(t)
	c.walk(t, 0, Renewed, 1)
	if n := openDescriptors(t) - before; n != Kept {
		t.Errorf("%d stay open, want %d", n, Kept)
	}
	c.Forget()
	if n := openDescriptors(t) - before; n != 0 {
		t.Errorf("%d stay open in the end", n)
	}
}

func TestADirectoryInUseStaysOpenWhenItIsForgotten(t *testing.T) {
	c := newCounter(t)
	path := strings.Repeat("d/", 2*Names) + "d"
	err := c.Near(path, func(dir int, _ string) error {
		c.Forget()
		var st unix.Stat_t
		return unix.Fstat(dir, &st)
	})
	if err != nil {
		t.Error(err)
	}
}

func TestManyUseAndForgetDirectoriesAtTheSameTime(t *testing.T) {
	c := newCounter(t)
	open := c.Open
	var mu sync.Mutex
	c.Open = func(dir int, names, path string) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return open(dir, names, path)
	}
	before := openDescriptors(t)
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for depth := range 50 {
				path := strings.Repeat("d/", depth*16) + "d"
				err := c.Near(path, func(dir int, _ string) error {
					var st unix.Stat_t
					return unix.Fstat(dir, &st)
				})
				if err != nil {
					t.Error(err)
				}
				if depth%8 == i {
					c.Forget()
				}
			}
		})
	}
	group.Wait()
	c.Forget()
	if n := openDescriptors(t) - before; n != 0 {
		t.Errorf("%d descriptors stay open", n)
	}
}

func TestARefusedDirectoryIsNotKept(t *testing.T) {
	c := newCounter(t)
	refused := errors.New("refused")
	c.Open = func(int, string, string) (int, error) { return -1, refused }
	use := func(int, string) error { t.Error("used"); return nil }
	if err := c.Near(strings.Repeat("d/", Names)+"d", use); err != refused || len(c.kept) > 0 {
		t.Errorf("%v, %d kept", err, len(c.kept))
	}
}

func TestAPieceIsNotLongerThanASystemCallTakes(t *testing.T) {
	for _, name := range []string{"d", strings.Repeat("n", 100), strings.Repeat("n", 255)} {
		for _, levels := range []int{1, 15, 16, 17, Names - 1, Names, Names + 1, 1000} {
			path := strings.TrimSuffix(strings.Repeat(name+"/", levels), "/")
			var pieces []string
			for rest, more := path, true; more; {
				var names string
				names, more = split(rest)
				pieces = append(pieces, names)
				if len(names) >= unix.PathMax || strings.Count(names, "/") >= Names {
					t.Errorf("%d levels of %d bytes: a piece of %d bytes", levels, len(name), len(names))
				}
				rest = strings.TrimPrefix(rest[len(names):], "/")
			}
			if strings.Join(pieces, "/") != path {
				t.Errorf("%d levels of %d bytes: the pieces are not the path", levels, len(name))
			}
		}
	}
	long := strings.Repeat("n", 2*unix.PathMax)
	if names, more := split(long + "/d"); names != long || !more {
		t.Errorf("a long name: %d bytes, %v", len(names), more)
	}
}

// The name of one directory may begin with that of another.
func TestADirectoryIsNotTakenForOneWithALongerName(t *testing.T) {
	c := newCounter(t)
	c.walk(t, Names, Names+1, 1)
	path := strings.Repeat("d/", Names-1) + "dd/d"
	var opened string
	open := c.Open
	c.Open = func(dir int, names, path string) (int, error) { opened = path; return open(dir, names, path) }
	if err := c.Near(path, func(int, string) error { return nil }); err != nil || opened != filepath.Dir(path) {
		t.Errorf("opened %q, %v", opened, err)
	}
}

func TestAKeptDirectoryIsOpenedAnewAfterManyPaths(t *testing.T) {
	c := newCounter(t)
	c.walk(t, Names, Names+1, 1)
	pieces, open := 0, c.Open
	c.Open = func(dir int, names, path string) (int, error) { pieces++; return open(dir, names, path) }
	for range 2*Renewed - 1 {
		c.walk(t, Names, Names+1, 1)
	}
	if pieces != 1 {
		t.Errorf("opened %d times", pieces)
	}
}

func TestWhatReplacedAKeptDirectoryIsFound(t *testing.T) {
	root := t.TempDir()
	below := strings.Repeat("d/", Names+1)
	dir, err := os.Open(root)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	at := func(dir int, names string) (int, error) {
		return unix.Openat(dir, names, unix.O_PATH|unix.O_CLOEXEC, 0)
	}
	o := Opener{Root: int(dir.Fd()), Open: func(dir int, names, _ string) (int, error) { return at(dir, names) }}
	defer o.Forget()
	exists := func(name string) error {
		return o.Near(below+name, func(dir int, rest string) error {
			fd, err := at(dir, rest)
			if err == nil {
				unix.Close(fd)
			}
			return err
		})
	}
	for _, name := range []string{"old", "new"} {
		if err := os.MkdirAll(filepath.Join(root, below, name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := exists(name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := os.Rename(filepath.Join(root, "d"), filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
}
