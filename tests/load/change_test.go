package load

import (
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/clfs"
	"clfsload/tests/harness"
	"clfsload/tests/inventory"
	"clfsload/tests/remote"
	"clfsload/tests/trees"
)

// listOnly runs the load until all is listed, and kills it. Of what hold names
// nothing has come into the container then.
func listOnly(k remote.Killed, hold func(name string) bool, also func() bool) {
	k.T.Helper()
	k.Container.HoldBack(hold)
	r := k.Start()
	for !trees.IsListed(k.T, k.State) || !also() {
		if r.Ended() {
			break
		}
	}
	r.Command.Process.Kill()
	if res := r.Wait(); res.Code != -1 {
		k.T.Fatalf("the load ended by itself: %d\n%s", res.Code, harness.Clip(res.Stderr))
	}
	k.Container.HoldBack(nil)
}

func always() bool { return true }

// mustHoldBut compares as mustHold does, but for the directories, which are those
// of the listing.
func mustHoldBut(t *testing.T, source inventory.Tree, c *remote.Metered) {
	t.Helper()
	contents := trees.ReadContainer(t, c.Inventory())
	for path, entry := range contents.Tree {
		if entry.Type == clfs.TypeDirectory {
			source[path] = entry
		}
	}
	scope := inventory.Full
	scope.Atime = false // they change with every look
	trees.ReportLines(t, "the container differs from its source", inventory.Compare(source, contents.Tree, scope))
}

func TestWhatChangesBetweenTwoRunsIsLoadedAsItIsThen(t *testing.T) {
	random := trees.SeededRandom(t)
	source := t.TempDir()
	in := func(name string) string { return filepath.Join(source, name) }
	for _, name := range []string{"grows", "shrinks", "replaced", "empties", "chmod"} {
		trees.WriteNoise(t, in(name), 100_000, random)
	}
	for _, name := range []string{"large grows", "large shrinks", "large vanishes into one segment", "large replaced", "large stays"} {
		trees.WriteNoise(t, in(name), 26<<20, random)
	}
	c := remote.NewMetered(t)
	k := remote.Killed{T: t, Container: c, State: filepath.Join(t.TempDir(), "state"), Source: source, Flags: nil}
	listOnly(k, func(name string) bool { return trees.ExceptBucket(name) && !trees.IsContents(name) }, func() bool { return c.Seen() > 14 })

	harness.Must(t, appendTo(in("grows"), 200_000))
	harness.Must(t, os.Truncate(in("shrinks"), 17_000))
	harness.Must(t, os.Truncate(in("empties"), 0))
	harness.Must(t, os.Chmod(in("chmod"), 0o4711))
	harness.Must(t, appendTo(in("large grows"), 9<<20))
	harness.Must(t, os.Truncate(in("large shrinks"), 10<<20))
	harness.Must(t, os.Truncate(in("large vanishes into one segment"), 500))
	for name, size := range map[string]int{"replaced": 100_000, "large replaced": 26 << 20} {
		trees.WriteNoise(t, in("other"), size, random)
		harness.Must(t, os.Rename(in("other"), in(name)))
	}
	before := trees.List(t, source)
	harness.Clfsload(t, c.Into(k.State, source)...).MustExit(harness.ExitOK)
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
		harness.WriteFile(t, in(name), strings.Repeat(name, 10_000))
	}
	c := remote.NewMetered(t)
	k := remote.Killed{T: t, Container: c, State: filepath.Join(t.TempDir(), "state"), Source: source, Flags: nil}
	listOnly(k, trees.ExceptBucket, always)

	for _, name := range names {
		harness.Must(t, os.Rename(in(name), in(name)+".old"))
	}
	harness.MustMkdir(t, in("directory now"))
	harness.Must(t, os.Symlink("stays", in("symlink now")))
	harness.Must(t, unix.Mkfifo(in("fifo now"), 0o644))
	harness.Clfsload(t, c.Into(k.State, source)...).MustExit(harness.ExitIncomplete).
		MustSay("vanished", "no such file", "directory now", "symlink now", "fifo now", "without --new")
	remote.MustNotBePublishedTo(t, c)

	for _, name := range names {
		harness.Must(t, os.RemoveAll(in(name)))
		harness.Must(t, os.Rename(in(name)+".old", in(name)))
	}
	before := trees.List(t, source)
	harness.Clfsload(t, c.Into(k.State, source)...).MustExit(harness.ExitOK)
	mustHoldBut(t, before, c)
}

// A file that changes once while it is read is read again.
func TestAFileThatChangesWhileItIsReadIsReadAgain(t *testing.T) {
	for title, change := range map[string]func(t *testing.T, path string){
		"appended to": func(t *testing.T, path string) { harness.Must(t, appendTo(path, 1<<20)) },
		"truncated":   func(t *testing.T, path string) { harness.Must(t, os.Truncate(path, 5<<20)) },
		"emptied":     func(t *testing.T, path string) { harness.Must(t, os.Truncate(path, 0)) },
		"replaced": func(t *testing.T, path string) {
			harness.WriteFile(t, path+".new", strings.Repeat("replaced ", 2<<20))
			harness.Must(t, os.Rename(path+".new", path))
		},
	} {
		t.Run(title, func(t *testing.T) {
			source := t.TempDir()
			path := filepath.Join(source, "file")
			trees.WriteNoise(t, path, 40<<20, trees.SeededRandom(t))
			c := remote.NewMetered(t)
			var segments atomic.Int64
			c.Before(func(name string) {
				if trees.IsContents(name) && segments.Add(1) == 2 {
					change(t, path)
				}
			})
			harness.Clfsload(t, c.Into(filepath.Join(t.TempDir(), "state"), source, "--new", "--memory", "64MiB")...).MustExit(harness.ExitOK)
			mustHoldBut(t, trees.List(t, source), c)
		})
	}
}

// One that goes on changing is a failed entry until it rests.
func TestAFileThatKeepsChangingFailsAloneAndIsRetried(t *testing.T) {
	source := t.TempDir()
	path := filepath.Join(source, "log")
	trees.WriteNoise(t, path, 20<<20, trees.SeededRandom(t))
	harness.WriteFile(t, filepath.Join(source, "rests"), "as it is")
	state := filepath.Join(t.TempDir(), "state")
	c := remote.NewMetered(t)
	c.Before(func(name string) {
		if trees.IsContents(name) {
			harness.Must(t, appendTo(path, 1000))
		}
	})
	harness.Clfsload(t, c.Into(state, source, "--new")...).MustExit(harness.ExitIncomplete).MustSay("log", "changed while it was read", "without --new")
	remote.MustNotBePublishedTo(t, c)
	c.Before(nil)
	harness.Clfsload(t, c.Into(state, source)...).MustExit(harness.ExitOK)
	mustHoldBut(t, trees.List(t, source), c)
}

// Each of two links is replaced by a file of its own: neither may get the bytes of
// the other.
func TestALinkThatIsReplacedIsNotTakenForTheOther(t *testing.T) {
	source := t.TempDir()
	one, two := filepath.Join(source, "one"), filepath.Join(source, "two")
	harness.WriteFile(t, one, "the file of both names")
	harness.Must(t, os.Link(one, two))
	c := remote.NewMetered(t)
	k := remote.Killed{T: t, Container: c, State: filepath.Join(t.TempDir(), "state"), Source: source, Flags: []string{"--preserve-hardlinks"}}
	listOnly(k, trees.ExceptBucket, always)
	for _, name := range []string{one, two} {
		harness.WriteFile(t, name+".new", "a file of the name "+name)
		harness.Must(t, os.Rename(name+".new", name))
	}
	harness.Clfsload(t, c.Into(k.State, source)...).MustExit(harness.ExitIncomplete).MustSay("one", "replaced", "without --new")
	remote.MustNotBePublishedTo(t, c)
}
