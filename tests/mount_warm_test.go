package tests

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"clfsload/tests/blobserver"
)

// warmReport is what warm --json prints.
type warmReport struct {
	Files, Bytes, Directories, Others, Gone, Failures int64
	Failed                                            []struct{ Path, Why string }
}

func warm(t *testing.T, code int, args ...string) (r warmReport) {
	t.Helper()
	decode(t, clfsload(t, append([]string{"warm", "--json"}, args...)...).mustExit(code).stdout, &r)
	return r
}

// warmSource makes a tree whose large files are in two directories, and loads it.
func (c *blockCounter) loadedTree(t *testing.T) (files map[string][]byte) {
	t.Helper()
	source := t.TempDir()
	files = map[string][]byte{}
	for path, size := range map[string]int{"a/one": twoBlocks, "a/b/two": 50_000, "c/three": 20_000, "c/small": 100, "empty": 0} {
		files[path] = randomBytes(t, size)
		must(t, os.MkdirAll(filepath.Dir(filepath.Join(source, path)), 0o755))
		must(t, os.WriteFile(filepath.Join(source, path), files[path], 0o644))
	}
	must(t, os.Symlink("a", filepath.Join(source, "link")))
	must(t, unix.Mkfifo(filepath.Join(source, "c/fifo"), 0o600))
	clfsload(t, "load", "--new", filepath.Join(t.TempDir(), "state"), source, c.url).mustExit(exitOK)
	return files
}

func TestWarmReadsAllIntoTheCache(t *testing.T) {
	c := newBlockCounter(t)
	files := c.loadedTree(t)
	cache, point := filepath.Join(t.TempDir(), "cache"), mountPoint(t)
	first := mountAt(t, point, c.url, "--cache", cache)
	r := warm(t, exitOK, first.point)
	if r.Files != 5 || r.Directories != 4 || r.Others != 2 || r.Bytes != twoBlocks+70_100 || r.Failures+r.Gone > 0 {
		t.Errorf("%+v", r)
	}
	gets := c.gets.Load()
	warm(t, exitOK, first.point)
	if c.gets.Load() != gets {
		t.Errorf("the second time %d blocks were fetched again", c.gets.Load()-gets)
	}
	first.end(unix.SIGTERM).mustExit(exitOK)
	c.refuses.Store(true)
	second := mountAt(t, point, c.url, "--cache", cache)
	for path, want := range files {
		mustRead(t, second.path(path), want)
	}
}

func TestWarmReadsThePathsThatAreNamed(t *testing.T) {
	c := newBlockCounter(t)
	c.loadedTree(t)
	m := mountContainer(t, c.url, "--cache", filepath.Join(t.TempDir(), "cache"))
	if r := warm(t, exitOK, m.point, "/a/b", m.path("c/three")); r.Files != 2 || r.Bytes != 70_000 || c.gets.Load() != 2 {
		t.Errorf("%+v, %d blocks", r, c.gets.Load())
	}
	if r := warm(t, exitIncomplete, m.point, "none", "c"); r.Files != 2 || r.Failures != 1 || r.Failed[0].Path != "none" {
		t.Errorf("%+v", r)
	}
	clfsload(t, "warm", m.point).mustExit(exitOK).mustSay("read 5 files")
}

func TestWarmNamesWhatCannotBeRead(t *testing.T) {
	c := newBlockCounter(t)
	c.loadedTree(t)
	m := mountContainer(t, c.url, "--cache", filepath.Join(t.TempDir(), "cache"))
	c.refuses.Store(true)
	if r := warm(t, exitIncomplete, m.point); r.Files != 2 || r.Failures != 3 || len(r.Failed) != 3 || r.Failed[0].Why == "" {
		t.Errorf("%+v", r)
	}
	clfsload(t, "warm", m.point, "c").mustExit(exitIncomplete).mustSay("c/three")
}

func TestWarmWantsAMountWithACache(t *testing.T) {
	m := mountContainer(t, mountedGolden(t))
	clfsload(t, "warm", m.point).mustExit(exitUsage).mustSay("has no cache", "--cache-size")
	clfsload(t, "warm", t.TempDir()).mustExit(exitUsage).mustSay("no mount of clfsload")
	clfsload(t, "warm", filepath.Join(t.TempDir(), "none")).mustExit(exitUsage)
	i := newIntake(t)
	clfsload(t, "warm", i.point).mustExit(exitUsage).mustSay("has no cache")
}

func TestWarmWorksOnAMountThatTakesWrites(t *testing.T) {
	i := newIntake(t, "--cache-size", "64MiB")
	must(t, os.WriteFile(i.path("file"), randomBytes(t, 100_000), 0o644))
	if r := warm(t, exitOK, i.point); r.Files != 1 || r.Bytes != 100_000 {
		t.Errorf("%+v", r)
	}
}

func TestWarmThatIsInterruptedEndsThoughTheServiceIsSilent(t *testing.T) {
	c := newBlockCounter(t)
	c.loadedTree(t)
	m := mountContainer(t, c.url, "--cache", filepath.Join(t.TempDir(), "cache"))
	warm(t, exitOK, m.point, "empty") // the container is listed, the inodes are read
	c.Fail(blobserver.Fault{Operation: "Get", Hang: true, Times: 1000})
	gets := c.Counts().Requests["Get"]
	r := command(t, []string{"warm", m.point}).start()
	for tick := time.NewTicker(10 * time.Millisecond); c.Counts().Requests["Get"] == gets; {
		<-tick.C
	}
	r.signal(unix.SIGINT)
	r.wait().mustExit(exitInterrupted).mustSay("run the same command again")
	c.Mend()
	c.Release()
}

// What is mounted in the mount, and what links lead to, belongs to others.
func TestWarmStaysInTheMount(t *testing.T) {
	c := newBlockCounter(t)
	c.loadedTree(t)
	m := mountContainer(t, c.url, "--cache", filepath.Join(t.TempDir(), "cache"))
	must(t, unix.Mount("none", m.path("c"), "tmpfs", 0, ""))
	defer func() { must(t, unix.Unmount(m.path("c"), 0)) }()
	writeFile(t, m.path("c/strange"), "strange")
	if r := warm(t, exitOK, m.point); r.Files != 3 || r.Others != 2 {
		t.Errorf("%+v", r)
	}
	if r := warm(t, exitIncomplete, m.point, "c"); r.Files != 0 || r.Failures != 1 {
		t.Errorf("%+v", r)
	}
	clfsload(t, "warm", m.point, "link").mustExit(exitOK).mustSay("read 0 files")
}
