package readonly

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/tests/blobserver"
	"clfsload/tests/harness"
	"clfsload/tests/inventory"
	"clfsload/tests/mounted"
	"clfsload/tests/trees"
)

func TestAMountShowsContainersOfCLFSLoadAsTheirSource(t *testing.T) {
	source := trees.AsCLFSLoadKeeps(trees.List(t, trees.Golden(t)))
	for _, name := range []string{"lz4", "raw"} {
		t.Run(name, func(t *testing.T) {
			m := mounted.ReadOnly(t, trees.GoldenContainer(t, name))
			scope := inventory.Scope{HardLinks: name == "lz4"}
			got := trees.AsCLFSLoadKeeps(trees.List(t, m.Point))
			trees.ReportLines(t, "the mount differs from the golden tree", inventory.Compare(source, got, scope))
		})
	}
}

func TestAMountShowsEveryAttributeOfWhatWasLoaded(t *testing.T) {
	before := trees.List(t, trees.Golden(t))
	m := mounted.ReadOnly(t, harness.Loaded(t, trees.Golden(t)))
	trees.ReportLines(t, "the mount differs from its source", inventory.Compare(before, trees.List(t, m.Point), trees.AsMounted))
	trees.SameLinkCounts(t, trees.Golden(t), m.Point)
}

func TestCpCopiesATreeOutOfAMount(t *testing.T) {
	before := trees.List(t, trees.Golden(t))
	m := mounted.ReadOnly(t, harness.Loaded(t, trees.Golden(t)))
	dest := filepath.Join(t.TempDir(), "out")
	if out, err := exec.Command("cp", "-a", m.Point, dest).CombinedOutput(); err != nil {
		t.Fatalf("cp -a: %v\n%s", err, harness.Clip(string(out)))
	}
	trees.ReportLines(t, "the copy differs from the source", inventory.Compare(before, trees.List(t, dest), trees.AsLeft))
}

func TestAMountOfAServiceShowsTheTree(t *testing.T) {
	before := trees.List(t, trees.Golden(t))
	server := blobserver.Start(t)
	url := server.NewContainer("golden")
	harness.Clfsload(t, "load", "--new", "--preserve-hardlinks", filepath.Join(t.TempDir(), "state"), trees.Golden(t), url+"?sig=x").MustExit(harness.ExitOK)
	m := mounted.ReadOnly(t, url+"?sig=x")
	trees.ReportLines(t, "the mount differs from its source", inventory.Compare(before, trees.List(t, m.Point), trees.AsMounted))
}

func TestInodeNumbersAreTheSameAtEachMount(t *testing.T) {
	target, point := trees.MountedGolden(t), mounted.Point(t)
	first := mounted.ReadOnlyAt(t, point, target)
	before := trees.NumbersOf(t, point)
	first.End(unix.SIGTERM).MustExit(harness.ExitOK)
	mounted.ReadOnlyAt(t, point, target)
	after := trees.NumbersOf(t, point)
	if before[point] != 1 {
		t.Errorf("the root has number %d", before[point])
	}
	if len(before) < 4560 || fmt.Sprint(before) != fmt.Sprint(after) {
		t.Errorf("numbers of %d entries, and of %d at the second mount, differ", len(before), len(after))
	}
}

func TestRangesOfFilesReadAsTheyWere(t *testing.T) {
	source, random := t.TempDir(), rand.New(rand.NewPCG(1, 2))
	want := make([]byte, 45<<20+12345)
	for i := range want {
		want[i] = byte(random.Uint32())
	}
	clear(want[20<<20 : 30<<20])
	if err := os.WriteFile(filepath.Join(source, "big"), want, 0o644); err != nil {
		t.Fatal(err)
	}
	m := mounted.ReadOnly(t, harness.Loaded(t, source), "--memory", "64MiB")
	var readers sync.WaitGroup
	for n := range uint64(8) {
		readers.Go(func() { readRanges(t, m.Path("big"), want, rand.New(rand.NewPCG(3, n))) })
	}
	readers.Wait()
	if got, err := os.ReadFile(m.Path("big")); err != nil || !bytes.Equal(got, want) {
		t.Errorf("the whole file: %d bytes, %v", len(got), err)
	}
}

// readRanges reads ranges here and there, many of them across a boundary between segments.
func readRanges(t *testing.T, path string, want []byte, random *rand.Rand) {
	f, err := os.Open(path)
	if err != nil {
		t.Error(err)
		return
	}
	defer f.Close()
	for range 40 {
		from := random.IntN(len(want))
		if random.IntN(2) == 0 {
			from = 16384 + random.IntN(5)*8388608 - random.IntN(9000)
		}
		got := make([]byte, random.IntN(300_000))
		n, err := f.ReadAt(got, int64(from))
		end := min(from+len(got), len(want))
		if err != nil && !errors.Is(err, io.EOF) || !bytes.Equal(got[:n], want[from:end]) {
			t.Errorf("%d bytes from %d: got %d, %v", len(got), from, n, err)
			return
		}
	}
}

func TestABigDirectoryIsListedWholeAndFromAnyPosition(t *testing.T) {
	const entries = 50_000
	source := t.TempDir()
	for i := range entries {
		harness.WriteFile(t, filepath.Join(source, fmt.Sprintf("file-%06d", i)), "")
	}
	m := mounted.ReadOnly(t, harness.Loaded(t, source))
	all := trees.ReadDirents(t, m.Point, 0)
	if len(all) != entries+2 || all[0].Name != "." || all[1].Name != ".." {
		t.Fatalf("%d entries, the first are %v", len(all), all[:2])
	}
	names := map[string]bool{}
	for _, d := range all {
		names[d.Name] = true
	}
	if len(names) != entries+2 {
		t.Errorf("%d different names", len(names))
	}
	for _, i := range []int{0, 1, 2, 400, 4321, 25_000, 49_999, entries + 1} {
		if rest := trees.ReadDirents(t, m.Point, all[i].Next); !slices.Equal(rest, all[i+1:]) {
			t.Errorf("from behind entry %d on there are %d entries, want %d", i, len(rest), len(all)-i-1)
		}
	}
	for _, d := range all {
		if _, err := os.Lstat(m.Path(d.Name)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Lstat(m.Path("nothing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a name that is not there: %v", err)
	}
}

func TestEveryChangeIsRefused(t *testing.T) {
	m := mounted.ReadOnly(t, trees.MountedGolden(t))
	f, d := m.Path("sizes/text-100"), m.Path("empty")
	open := func(flags int) error {
		fd, err := unix.Open(f, flags, 0)
		if err == nil {
			unix.Close(fd)
		}
		return err
	}
	changes := map[string]func() error{
		"open for writing": func() error { return open(unix.O_WRONLY) },
		"open, truncate":   func() error { return open(unix.O_RDONLY | unix.O_TRUNC) },
		"create":           func() error { return os.WriteFile(m.Path("new"), nil, 0o644) },
		"truncate":         func() error { return os.Truncate(f, 1) },
		"chmod":            func() error { return os.Chmod(f, 0o600) },
		"chown":            func() error { return os.Chown(f, 1, 1) },
		"utimes":           func() error { return unix.UtimesNanoAt(unix.AT_FDCWD, f, make([]unix.Timespec, 2), 0) },
		"mkdir":            func() error { return os.Mkdir(m.Path("new"), 0o755) },
		"mknod":            func() error { return unix.Mknod(m.Path("new"), unix.S_IFIFO|0o644, 0) },
		"symlink":          func() error { return os.Symlink("x", m.Path("new")) },
		"link":             func() error { return os.Link(f, m.Path("new")) },
		"rename":           func() error { return os.Rename(f, m.Path("new")) },
		"unlink":           func() error { return unix.Unlink(f) },
		"rmdir":            func() error { return unix.Rmdir(d) },
		"setxattr":         func() error { return unix.Setxattr(f, "user.x", []byte("x"), 0) },
	}
	refused := func(t *testing.T, readOnly bool) {
		for name, change := range changes {
			if err := change(); !errors.Is(err, unix.EROFS) && (readOnly || name != "setxattr" || !errors.Is(err, unix.EOPNOTSUPP)) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	t.Run("read-only", func(t *testing.T) { refused(t, true) })
	t.Run("remounted", func(t *testing.T) {
		if err := unix.Mount("", m.Point, "", unix.MS_REMOUNT, ""); err != nil {
			t.Fatal(err)
		}
		refused(t, false)
	})
	if _, err := unix.Getxattr(f, "user.x", make([]byte, 10)); !errors.Is(err, unix.EOPNOTSUPP) {
		t.Errorf("getxattr: %v", err)
	}
	if got, err := os.ReadFile(f); err != nil || len(got) != 100 {
		t.Errorf("afterwards: %d bytes, %v", len(got), err)
	}
}

func TestStatfsTellsWhatTheContainerHolds(t *testing.T) {
	m := mounted.ReadOnly(t, trees.MountedGolden(t), "--log-level", "DEBUG")
	m.AwaitLog("msg=\"the container is listed\"")
	var st unix.Statfs_t
	if err := unix.Statfs(m.Point, &st); err != nil {
		t.Fatal(err)
	}
	if st.Files != 4561 || st.Blocks*uint64(st.Bsize) < 1<<20 || st.Bavail != 0 || st.Ffree != 0 || st.Namelen != 255 {
		t.Errorf("statfs says %+v", st)
	}
}
