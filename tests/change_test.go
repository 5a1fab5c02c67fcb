package tests

import (
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/clfs"
	"clfsload/tests/inventory"
)

// listOnly runs the load until all is listed, and kills it. Of what hold names
// nothing has come into the container then.
func listOnly(k killedLoad, hold func(name string) bool, also func() bool) {
	k.t.Helper()
	k.container.holdBack(hold)
	r := k.start()
	for !isListed(k.t, k.state) || !also() {
		if r.ended() {
			break
		}
	}
	r.command.Process.Kill()
	if res := r.wait(); res.code != -1 {
		k.t.Fatalf("the load ended by itself: %d\n%s", res.code, clip(res.stderr))
	}
	k.container.holdBack(nil)
}

func always() bool { return true }

// mustHoldBut compares as mustHold does, but for the directories, which are those
// of the listing.
func mustHoldBut(t *testing.T, source inventory.Tree, c *meteredContainer) {
	t.Helper()
	contents := readContainer(t, c.inventory())
	for path, entry := range contents.Tree {
		if entry.Type == clfs.TypeDirectory {
			source[path] = entry
		}
	}
	scope := inventory.Full
	scope.Atime = false // they change with every look
	reportLines(t, "the container differs from its source", inventory.Compare(source, contents.Tree, scope))
}

func TestWhatChangesBetweenTwoRunsIsLoadedAsItIsThen(t *testing.T) {
	random := seededRandom(t)
	source := t.TempDir()
	in := func(name string) string { return filepath.Join(source, name) }
	for _, name := range []string{"grows", "shrinks", "replaced", "empties", "chmod"} {
		writeNoise(t, in(name), 100_000, random)
	}
	for _, name := range []string{"large grows", "large shrinks", "large vanishes into one segment", "large replaced", "large stays"} {
		writeNoise(t, in(name), 26<<20, random)
	}
	c := newMeteredContainer(t)
	k := killedLoad{t: t, container: c, state: filepath.Join(t.TempDir(), "state"), source: source, flags: nil}
	listOnly(k, func(name string) bool { return exceptBucket(name) && !isContents(name) }, func() bool { return c.seen() > 14 })

	must(t, appendTo(in("grows"), 200_000))
	must(t, os.Truncate(in("shrinks"), 17_000))
	must(t, os.Truncate(in("empties"), 0))
	must(t, os.Chmod(in("chmod"), 0o4711))
	must(t, appendTo(in("large grows"), 9<<20))
	must(t, os.Truncate(in("large shrinks"), 10<<20))
	must(t, os.Truncate(in("large vanishes into one segment"), 500))
	for name, size := range map[string]int{"replaced": 100_000, "large replaced": 26 << 20} {
		writeNoise(t, in("other"), size, random)
		must(t, os.Rename(in("other"), in(name)))
	}
	before := listTree(t, source)
	clfsload(t, c.into(k.state, source)...).mustExit(exitOK)
	mustHoldBut(t, before, c)
}

func appendTo(path string, bytes int) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.Write([]byte(strings.Repeat("appended ", bytes/9+1))[:bytes])
	return err
}

// What is no regular file any more, or not there, fails alone; when it is back the
// load goes on.
func TestWhatVanishedOrBecameAnotherTypeFailsAloneAndIsRetried(t *testing.T) {
	source := t.TempDir()
	in := func(name string) string { return filepath.Join(source, name) }
	names := []string{"vanished", "directory now", "symlink now", "fifo now"}
	for _, name := range append(names, "stays") {
		writeFile(t, in(name), strings.Repeat(name, 10_000))
	}
	c := newMeteredContainer(t)
	k := killedLoad{t: t, container: c, state: filepath.Join(t.TempDir(), "state"), source: source, flags: nil}
	listOnly(k, exceptBucket, always)

	for _, name := range names {
		must(t, os.Rename(in(name), in(name)+".old"))
	}
	mustMkdir(t, in("directory now"))
	must(t, os.Symlink("stays", in("symlink now")))
	must(t, unix.Mkfifo(in("fifo now"), 0o644))
	clfsload(t, c.into(k.state, source)...).mustExit(exitIncomplete).
		mustSay("vanished", "no such file", "directory now", "symlink now", "fifo now", "without --new")
	mustNotBePublishedTo(t, c)

	for _, name := range names {
		must(t, os.RemoveAll(in(name)))
		must(t, os.Rename(in(name)+".old", in(name)))
	}
	before := listTree(t, source)
	clfsload(t, c.into(k.state, source)...).mustExit(exitOK)
	mustHoldBut(t, before, c)
}

// A file that changes once while it is read is read again.
func TestAFileThatChangesWhileItIsReadIsReadAgain(t *testing.T) {
	for title, change := range map[string]func(t *testing.T, path string){
		"appended to": func(t *testing.T, path string) { must(t, appendTo(path, 1<<20)) },
		"truncated":   func(t *testing.T, path string) { must(t, os.Truncate(path, 5<<20)) },
		"emptied":     func(t *testing.T, path string) { must(t, os.Truncate(path, 0)) },
		"replaced": func(t *testing.T, path string) {
			writeFile(t, path+".new", strings.Repeat("replaced ", 2<<20))
			must(t, os.Rename(path+".new", path))
		},
	} {
		t.Run(title, func(t *testing.T) {
			source := t.TempDir()
			path := filepath.Join(source, "file")
			writeNoise(t, path, 40<<20, seededRandom(t))
			c := newMeteredContainer(t)
			var segments atomic.Int64
			c.before(func(name string) {
				if isContents(name) && segments.Add(1) == 2 {
					change(t, path)
				}
			})
			clfsload(t, c.into(filepath.Join(t.TempDir(), "state"), source, "--new", "--memory", "64MiB")...).mustExit(exitOK)
			mustHoldBut(t, listTree(t, source), c)
		})
	}
}

// One that goes on changing is a failed entry until it rests.
func TestAFileThatKeepsChangingFailsAloneAndIsRetried(t *testing.T) {
	source := t.TempDir()
	path := filepath.Join(source, "log")
	writeNoise(t, path, 20<<20, seededRandom(t))
	writeFile(t, filepath.Join(source, "rests"), "as it is")
	state := filepath.Join(t.TempDir(), "state")
	c := newMeteredContainer(t)
	c.before(func(name string) {
		if isContents(name) {
			must(t, appendTo(path, 1000))
		}
	})
	clfsload(t, c.into(state, source, "--new")...).mustExit(exitIncomplete).mustSay("log", "changed while it was read", "without --new")
	mustNotBePublishedTo(t, c)
	c.before(nil)
	clfsload(t, c.into(state, source)...).mustExit(exitOK)
	mustHoldBut(t, listTree(t, source), c)
}

// Each of two links is replaced by a file of its own: neither may get the bytes of
// the other.
func TestALinkThatIsReplacedIsNotTakenForTheOther(t *testing.T) {
	source := t.TempDir()
	one, two := filepath.Join(source, "one"), filepath.Join(source, "two")
	writeFile(t, one, "the file of both names")
	must(t, os.Link(one, two))
	c := newMeteredContainer(t)
	k := killedLoad{t: t, container: c, state: filepath.Join(t.TempDir(), "state"), source: source, flags: []string{"--preserve-hardlinks"}}
	listOnly(k, exceptBucket, always)
	for _, name := range []string{one, two} {
		writeFile(t, name+".new", "a file of the name "+name)
		must(t, os.Rename(name+".new", name))
	}
	clfsload(t, c.into(k.state, source)...).mustExit(exitIncomplete).mustSay("one", "replaced", "without --new")
	mustNotBePublishedTo(t, c)
}
