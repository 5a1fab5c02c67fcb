package exerciser

import (
	"errors"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// directories are on the file systems that the model is held against: that of
// the temporary directory, and memory.
func directories(t *testing.T) map[string]string {
	t.Helper()
	memory, err := os.MkdirTemp("/dev/shm", "exerciser-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(memory) })
	return map[string]string{"disk": t.TempDir(), "memory": memory}
}

// exercise makes an Exerciser with a seed of its own.
func exercise(t *testing.T, directory string) *Exerciser {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("the exerciser changes owners and makes devices: run it as root")
	}
	e, err := New(directory, Options{Seed: rand.Uint64()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

// duration is how long a test goes on: EXERCISE, or a little while.
func duration(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("EXERCISE")
	if text == "" {
		return 2 * time.Second
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestFileSystemsOfLinuxDoAsTheModel(t *testing.T) {
	for name, directory := range directories(t) {
		t.Run(name, func(t *testing.T) {
			e := exercise(t, directory)
			if err := e.RunFor(duration(t)); err != nil {
				t.Fatal(err)
			}
			t.Logf("%d steps, %d entries", e.Steps(), len(e.nodes))
		})
	}
}

func TestNamesAloneDoAsTheModel(t *testing.T) {
	e, err := New(t.TempDir(), Options{Seed: rand.Uint64(), Names: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	if err := e.RunFor(duration(t)); err != nil {
		t.Fatal(err)
	}
}

func TestASeedAlwaysGivesTheSameSteps(t *testing.T) {
	var logs []string
	for range 2 {
		e, err := New(t.TempDir(), Options{Seed: 7})
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Run(1000); err != nil {
			t.Fatal(err)
		}
		logs = append(logs, strings.ReplaceAll(strings.Join(e.log, "\n"), e.root, "ROOT"))
	}
	if logs[0] != logs[1] {
		t.Errorf("%s\n\nis not\n\n%s", logs[0], logs[1])
	}
}

func isFilled(n *node) bool { return n.isRegular() && len(n.data) > 0 }
func isLinked(n *node) bool { return len(n.places) > 1 }
func isLink(n *node) bool   { return n.kind == unix.S_IFLNK }

// again replaces what a path names with something new that looks the same.
func again(path string, make func() error) error {
	return errors.Join(os.Remove(path), make())
}

// own changes the owner of a file and nothing else: chown alone also takes the
// set-id bits away.
func own(path string, n *node, uid, gid int) error {
	return errors.Join(os.Chown(path, uid, gid), unix.Chmod(path, n.mode))
}

var damages = []struct {
	says string // an expression
	fits func(*node) bool
	do   func(path string, n *node) error
}{
	{"wrong", isFilled, func(path string, n *node) error {
		data := slices.Clone(n.data)
		data[len(data)/2]++
		return os.WriteFile(path, data, 0)
	}},
	{"size is", isFilled, func(path string, n *node) error { return os.Truncate(path, n.size()-1) }},
	{"mode is", isFilled, func(path string, n *node) error { return unix.Chmod(path, n.mode^1) }},
	{"uid is", isFilled, func(path string, n *node) error { return own(path, n, 123456, int(n.gid)) }},
	{"gid is", isFilled, func(path string, n *node) error { return own(path, n, int(n.uid), 123456) }},
	{"no such file|has the entries|link count is", isFilled, func(path string, _ *node) error { return os.Remove(path) }},
	{"has the entries", (*node).isDir, func(path string, _ *node) error { return unix.Mknod(path+"/more", unix.S_IFREG, 0) }},
	{"link count is", (*node).isDir, func(path string, _ *node) error { return os.Mkdir(path+"/more", 0) }},
	{"links to", func(n *node) bool { return isLink(n) && !isLinked(n) }, func(path string, n *node) error {
		n.number = 0
		return again(path, func() error {
			return errors.Join(os.Symlink(strings.Repeat("x", len(n.target)), path), os.Lchown(path, int(n.uid), int(n.gid)))
		})
	}},
	{"number is", func(n *node) bool { return isLinked(n) && !isLink(n) }, func(path string, n *node) error {
		return again(path, func() error { return unix.Mknod(path, n.kind|n.mode, int(n.rdev)) })
	}},
}

// runUntil runs a while, and on until there is a node that fits.
func runUntil(t *testing.T, e *Exerciser, fits func(*node) bool) *node {
	t.Helper()
	if err := e.Run(1000); err != nil {
		t.Fatal(err)
	}
	for e.some(fits) == nil {
		if err := e.Run(10); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	return e.some(fits)
}

func TestWhatIsWrongIsNoticed(t *testing.T) {
	for _, d := range damages {
		t.Run(d.says, func(t *testing.T) {
			e := exercise(t, t.TempDir())
			n := runUntil(t, e, d.fits)
			if err := d.do(e.path(n), n); err != nil {
				t.Fatal(err)
			}
			for _, n := range e.nodes {
				n.fresh = true // or the times would tell it all
			}
			if err := e.Check(); err == nil || !regexp.MustCompile(d.says).MatchString(err.Error()) {
				t.Errorf("after damage of %s: %v", e.path(n), err)
			}
		})
	}
}

func TestATimeThatChangedIsNoticed(t *testing.T) {
	e := exercise(t, t.TempDir())
	if err := e.Run(300); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(e.path(e.some(notSymlink)), time.Time{}, time.Unix(1, 1)); err != nil {
		t.Fatal(err)
	}
	if err := e.Check(); err == nil || !strings.Contains(err.Error(), "mtime is") {
		t.Error(err)
	}
}

// interrupt makes the file system of an Exerciser go after some calls, before or after
// the next one has happened.
func interrupt(e *Exerciser, left int, happens bool) {
	gone := false
	e.gone = func() bool { return gone }
	e.intercept = func(call func() error) error {
		if left--; left >= 0 {
			return call()
		}
		if !gone && happens {
			_ = call()
		}
		gone = true
		return unix.ENOTCONN
	}
}

// restore lets calls through again.
func restore(e *Exerciser) {
	e.gone = func() bool { return false }
	e.intercept = func(call func() error) error { return call() }
}

func TestAStepThatWasCutOffHasHappenedOrNot(t *testing.T) {
	e := exercise(t, t.TempDir())
	random := rand.New(rand.NewPCG(e.options.Seed, 1))
	for end := time.Now().Add(duration(t)); time.Now().Before(end); {
		interrupt(e, random.IntN(200), random.IntN(2) == 0)
		err := e.Run(300)
		restore(e)
		if err != nil && !errors.Is(err, ErrInterrupted) {
			t.Fatal(err)
		}
		if err == nil {
			continue
		}
		if err := e.Resume(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAnAcknowledgedCallThatIsUndoneIsNoticed(t *testing.T) {
	e := exercise(t, t.TempDir())
	if err := e.Run(300); err != nil {
		t.Fatal(err)
	}
	n := e.made(e.tree, unix.S_IFDIR, 0o755)
	if err := e.birth("mkdir", place{e.tree, "extra"}, n, func() error { return os.Mkdir(e.root+"/extra", 0o755) }); err != nil {
		t.Fatal(err)
	}
	interrupt(e, 0, false)
	if err := e.Run(100); !errors.Is(err, ErrInterrupted) {
		t.Fatal(err)
	}
	restore(e)
	if err := os.RemoveAll(e.root + "/extra"); err != nil {
		t.Fatal(err)
	}
	if err := e.Resume(); err == nil {
		t.Error("a directory that is lost was not noticed")
	}
}
