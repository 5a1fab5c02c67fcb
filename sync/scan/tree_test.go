package scan

import (
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/clfs"
	"clfsload/sync/deepdir"
)

func TestOpenRefusesWhatLeavesTheTreeOrFollowsALink(t *testing.T) {
	f := newFixture(t)
	f.mkdir("real")
	f.write("real/file", "inside")
	if err := os.WriteFile(filepath.Join(f.path, "../secret"), []byte("outside"), 0o644); err != nil {
		t.Fatal(err)
	}
	for link, to := range map[string]string{"up": "..", "file": "real/file", "dir": "real", "abs": f.path, "out": "../secret"} {
		if err := os.Symlink(to, filepath.Join(f.path, link)); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{"file", "out", "dir/file", "up/secret", "abs/real/file", "../secret", "real/../../secret", "/etc/passwd", "real/file/x", "missing"} {
		if g, err := f.tree.Open(path); err == nil {
			g.Close()
			t.Errorf("%s was opened", path)
		}
		if d, err := f.tree.openDirectory(path); err == nil {
			d.Close()
			t.Errorf("%s was opened as a directory", path)
		}
	}
	g, err := f.tree.Open("real/file")
	if err != nil {
		t.Fatal(err)
	}
	g.Close()
}

func TestADirectoryThatBecameALinkIsNotFollowed(t *testing.T) {
	f := newFixture(t)
	f.mkdir("d/e")
	f.write("d/e/file", "mine")
	f.mkdir("other/e")
	f.write("other/e/file", "not to be read")
	if err := os.Rename(filepath.Join(f.path, "d"), filepath.Join(f.path, "moved")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("other", filepath.Join(f.path, "d")); err != nil {
		t.Fatal(err)
	}
	if g, err := f.tree.Open("d/e/file"); !errors.Is(err, unix.ELOOP) {
		t.Errorf("open: %v, %v", g, err)
	}
}

// The tree is the directory that was opened, wherever it is moved.
func TestTheRootIsHeldOpen(t *testing.T) {
	f := newFixture(t)
	f.write("file", "content")
	if err := os.Rename(f.path, f.path+".moved"); err != nil {
		t.Fatal(err)
	}
	g, err := f.tree.Open("file")
	if err != nil {
		t.Fatal(err)
	}
	g.Close()
}

func TestPathsLongerThanPathMaxAreScannedAndRead(t *testing.T) {
	f := newFixture(t)
	const levels = 120
	path := f.deep(levels)
	if len(path) < 2*unix.PathMax {
		t.Fatalf("path of %d bytes is too short for the test", len(path))
	}
	f.scan()
	if got := f.failures(); got != nil {
		t.Fatal(got)
	}
	if in, ok := f.rows()[path]; !ok || in.Attr.Size != 4 || len(f.rows()) != levels+1 {
		t.Errorf("%d rows, the file is there: %v", len(f.rows()), ok)
	}
	g, err := f.tree.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	buf := make([]byte, 9)
	if n, err := g.ReadAt(buf, 1); string(buf[:n]) != "eep" || err != io.EOF {
		t.Errorf("%q, %v", buf[:n], err)
	}
}

func TestReadAtReadsAllOrSaysWhereTheFileEnds(t *testing.T) {
	f := newFixture(t)
	f.write("file", "0123456789")
	g, err := f.tree.Open("file")
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	for _, c := range []struct {
		n      int
		offset int64
		want   string
		err    error
	}{{10, 0, "0123456789", nil}, {3, 7, "789", nil}, {4, 7, "789", io.EOF}, {1, 10, "", io.EOF}, {1, 99, "", io.EOF}, {0, 5, "", nil}} {
		p := make([]byte, c.n)
		if n, err := g.ReadAt(p, c.offset); string(p[:n]) != c.want || err != c.err {
			t.Errorf("%d bytes at %d: %q, %v", c.n, c.offset, p[:n], err)
		}
	}
	a, err := g.Attr()
	if err != nil || a.Size != 10 || a.Type != clfs.TypeRegular {
		t.Errorf("%+v, %v", a, err)
	}
}

func TestReadingLeavesTheAccessTimeAlone(t *testing.T) {
	f := newFixture(t)
	f.write("file", "x")
	old := unix.Timespec{Sec: 1000}
	if err := unix.UtimesNanoAt(unix.AT_FDCWD, filepath.Join(f.path, "file"), []unix.Timespec{old, {Sec: 2000}}, 0); err != nil {
		t.Fatal(err)
	}
	g, err := f.tree.Open("file")
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	if _, err := g.ReadAt(make([]byte, 1), 0); err != nil {
		t.Fatal(err)
	}
	if a, err := g.Attr(); err != nil || a.Atime != 1000e9 {
		t.Errorf("access time %d, %v", a.Atime, err)
	}
}

// Opening must not wait for the other end of a fifo.
func TestNothingWaitsForAFifo(t *testing.T) {
	f := newFixture(t)
	path := filepath.Join(f.path, "fifo")
	if err := unix.Mkfifo(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if g, err := f.tree.Open("fifo"); err == nil {
		if a, err := g.Attr(); err != nil || a.Type != clfs.TypeFIFO {
			t.Errorf("%+v, %v", a, err)
		}
		g.Close()
	}
	if _, err := OpenTree(path); !errors.Is(err, unix.ENOTDIR) {
		t.Errorf("OpenTree of a fifo: %v", err)
	}
}

func TestOpenTreeRefusesWhatIsNoDirectory(t *testing.T) {
	f := newFixture(t)
	f.write("file", "x")
	l, err := net.Listen("unix", filepath.Join(f.path, "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for name, want := range map[string]error{"file": unix.ENOTDIR, "s": unix.ENOTDIR, "missing": fs.ErrNotExist} {
		if _, err := OpenTree(filepath.Join(f.path, name)); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
}

// A load reads a tree that others change.
func TestAFileBelowADeepDirectoryThatWasReplacedIsRead(t *testing.T) {
	f := newFixture(t)
	below := strings.Repeat("d/", deepdir.Names+1)
	for _, name := range []string{"old", "new"} {
		f.mkdir(below)
		f.write(below+name, "x")
		g, err := f.tree.Open(below + name)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		g.Close()
		if err := os.Rename(filepath.Join(f.path, "d"), filepath.Join(f.path, name)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestALinkBelowADeepDirectoryIsNotFollowed(t *testing.T) {
	f := newFixture(t)
	below := strings.Repeat("d/", deepdir.Names+1)
	f.mkdir(below + "real")
	f.write(below+"real/file", "x")
	if err := os.Symlink("real", filepath.Join(f.path, below, "link")); err != nil {
		t.Fatal(err)
	}
	for _, link := range []string{"link/file", "link/" + below + "file"} {
		if g, err := f.tree.Open(below + link); !errors.Is(err, unix.ELOOP) && !errors.Is(err, unix.ENOTDIR) {
			t.Errorf("%s: %v, %v", link, g, err)
		}
	}
}
