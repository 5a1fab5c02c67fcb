package readonly

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"clfsload/tests/blobserver"
	"clfsload/tests/harness"
	"clfsload/tests/mounted"
	"clfsload/tests/trees"
)

// warmReport is what warm --json prints.
type warmReport struct {
	Files, Bytes, Directories, Others, Gone, Failures int64
	Failed                                            []struct{ Path, Why string }
}

func warm(t *testing.T, code int, args ...string) (r warmReport) {
	t.Helper()
	harness.Decode(t, harness.Clfsload(t, append([]string{"warm", "--json"}, args...)...).MustExit(code).Stdout, &r)
	return r
}

// warmSource makes a tree whose large files are in two directories, and loads it.
func (c *blockCounter) loadedTree(t *testing.T) (files map[string][]byte) {
	t.Helper()
	source := t.TempDir()
	files = map[string][]byte{}
	for path, size := range map[string]int{"a/one": twoBlocks, "a/b/two": 50_000, "c/three": 20_000, "c/small": 100, "empty": 0} {
		files[path] = randomBytes(t, size)
		harness.Must(t, os.MkdirAll(filepath.Dir(filepath.Join(source, path)), 0o755))
		harness.Must(t, os.WriteFile(filepath.Join(source, path), files[path], 0o644))
	}
	harness.Must(t, os.Symlink("a", filepath.Join(source, "link")))
	harness.Must(t, unix.Mkfifo(filepath.Join(source, "c/fifo"), 0o600))
	harness.Clfsload(t, "load", "--new", filepath.Join(t.TempDir(), "state"), source, c.url).MustExit(harness.ExitOK)
	return files
}

func TestWarmReadsAllIntoTheCache(t *testing.T) {
	c := newBlockCounter(t)
	files := c.loadedTree(t)
	cache, point := filepath.Join(t.TempDir(), "cache"), mounted.Point(t)
	first := mounted.ReadOnlyAt(t, point, c.url, "--cache", cache)
	r := warm(t, harness.ExitOK, first.Point)
	if r.Files != 5 || r.Directories != 4 || r.Others != 2 || r.Bytes != twoBlocks+70_100 || r.Failures+r.Gone > 0 {
		t.Errorf("%+v", r)
	}
	gets := c.gets.Load()
	warm(t, harness.ExitOK, first.Point)
	if c.gets.Load() != gets {
		t.Errorf("the second time %d blocks were fetched again", c.gets.Load()-gets)
	}
	first.End(unix.SIGTERM).MustExit(harness.ExitOK)
	c.refuses.Store(true)
	second := mounted.ReadOnlyAt(t, point, c.url, "--cache", cache)
	for path, want := range files {
		mustRead(t, second.Path(path), want)
	}
}

func TestWarmReadsThePathsThatAreNamed(t *testing.T) {
	c := newBlockCounter(t)
	c.loadedTree(t)
	m := mounted.ReadOnly(t, c.url, "--cache", filepath.Join(t.TempDir(), "cache"))
	if r := warm(t, harness.ExitOK, m.Point, "/a/b", m.Path("c/three")); r.Files != 2 || r.Bytes != 70_000 || c.gets.Load() != 2 {
		t.Errorf("%+v, %d blocks", r, c.gets.Load())
	}
	if r := warm(t, harness.ExitIncomplete, m.Point, "none", "c"); r.Files != 2 || r.Failures != 1 || r.Failed[0].Path != "none" {
		t.Errorf("%+v", r)
	}
	harness.Clfsload(t, "warm", m.Point).MustExit(harness.ExitOK).MustSay("read 5 files")
}

func TestWarmNamesWhatCannotBeRead(t *testing.T) {
	c := newBlockCounter(t)
	c.loadedTree(t)
	m := mounted.ReadOnly(t, c.url, "--cache", filepath.Join(t.TempDir(), "cache"))
	c.refuses.Store(true)
	if r := warm(t, harness.ExitIncomplete, m.Point); r.Files != 2 || r.Failures != 3 || len(r.Failed) != 3 || r.Failed[0].Why == "" {
		t.Errorf("%+v", r)
	}
	harness.Clfsload(t, "warm", m.Point, "c").MustExit(harness.ExitIncomplete).MustSay("c/three")
}

func TestWarmWantsAMountWithACache(t *testing.T) {
	m := mounted.ReadOnly(t, trees.MountedGolden(t))
	harness.Clfsload(t, "warm", m.Point).MustExit(harness.ExitUsage).MustSay("has no cache", "--cache-size")
	harness.Clfsload(t, "warm", t.TempDir()).MustExit(harness.ExitUsage).MustSay("no mount of clfsload")
	harness.Clfsload(t, "warm", filepath.Join(t.TempDir(), "none")).MustExit(harness.ExitUsage)
	i := mounted.NewIntake(t)
	harness.Clfsload(t, "warm", i.Point).MustExit(harness.ExitUsage).MustSay("has no cache")
}

func TestWarmWorksOnAMountThatTakesWrites(t *testing.T) {
	i := mounted.NewIntake(t, "--cache-size", "64MiB")
	harness.Must(t, os.WriteFile(i.Path("file"), randomBytes(t, 100_000), 0o644))
	if r := warm(t, harness.ExitOK, i.Point); r.Files != 1 || r.Bytes != 100_000 {
		t.Errorf("%+v", r)
	}
}

func TestWarmThatIsInterruptedEndsThoughTheServiceIsSilent(t *testing.T) {
	c := newBlockCounter(t)
	c.loadedTree(t)
	m := mounted.ReadOnly(t, c.url, "--cache", filepath.Join(t.TempDir(), "cache"))
	warm(t, harness.ExitOK, m.Point, "empty") // the container is listed, the inodes are read
	c.Fail(blobserver.Fault{Operation: "Get", Hang: true, Times: 1000})
	gets := c.Counts().Requests["Get"]
	r := harness.Command(t, []string{"warm", m.Point}).Start()
	for tick := time.NewTicker(10 * time.Millisecond); c.Counts().Requests["Get"] == gets; {
		<-tick.C
	}
	r.Signal(unix.SIGINT)
	r.Wait().MustExit(harness.ExitInterrupted).MustSay("run the same command again")
	c.Mend()
	c.Release()
}

// What is mounted in the mount, and what links lead to, belongs to others.
func TestWarmStaysInTheMount(t *testing.T) {
	c := newBlockCounter(t)
	c.loadedTree(t)
	m := mounted.ReadOnly(t, c.url, "--cache", filepath.Join(t.TempDir(), "cache"))
	harness.Must(t, unix.Mount("none", m.Path("c"), "tmpfs", 0, ""))
	defer func() { harness.Must(t, unix.Unmount(m.Path("c"), 0)) }()
	harness.WriteFile(t, m.Path("c/strange"), "strange")
	if r := warm(t, harness.ExitOK, m.Point); r.Files != 3 || r.Others != 2 {
		t.Errorf("%+v", r)
	}
	if r := warm(t, harness.ExitIncomplete, m.Point, "c"); r.Files != 0 || r.Failures != 1 {
		t.Errorf("%+v", r)
	}
	harness.Clfsload(t, "warm", m.Point, "link").MustExit(harness.ExitOK).MustSay("read 0 files")
}
