package load

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/clfs"
	"clfsload/tests/harness"
	"clfsload/tests/inventory"
	"clfsload/tests/remote"
	"clfsload/tests/trees"
)

// What took the place of an entry since it was listed is loaded by the next run,
// and nothing of what was there before stays in the container.
func TestWhatTookThePlaceOfAFailedEntryIsLoadedByTheNextRun(t *testing.T) {
	source := t.TempDir()
	in := func(name string) string { return filepath.Join(source, name) }
	for _, name := range []string{"vanished", "directory now", "symlink now", "fifo now", "one", "stays"} {
		harness.WriteFile(t, in(name), strings.Repeat(name, 10_000))
	}
	harness.Must(t, os.Link(in("one"), in("two")))
	c := remote.NewMetered(t)
	k := remote.Killed{T: t, Container: c, State: filepath.Join(t.TempDir(), "state"), Source: source, Flags: []string{"--preserve-hardlinks"}}
	listOnly(k, trees.ExceptBucket, always)

	for _, name := range []string{"vanished", "directory now", "symlink now", "fifo now", "one"} {
		harness.Must(t, os.Remove(in(name)))
	}
	harness.MustMkdir(t, in("directory now"))
	harness.WriteFile(t, filepath.Join(in("directory now"), "inside"), "new")
	harness.Must(t, os.Symlink("stays", in("symlink now")))
	harness.Must(t, unix.Mkfifo(in("fifo now"), 0o644))
	harness.WriteFile(t, in("one"), "a file of its own")

	harness.Clfsload(t, c.Into(k.State, source)...).MustExit(harness.ExitIncomplete).MustSay("vanished", "no such file", "replaced")
	remote.MustNotBePublishedTo(t, c)
	harness.Clfsload(t, c.Into(k.State, source)...).MustExit(harness.ExitOK)
	scope := inventory.Full // the directory's own attributes are those of the last listing
	scope.Atime = false     // but trees.List looks at it as well
	trees.MustHold(t, trees.List(t, source), c.Inventory(), scope)
}

// A directory that was removed with all that was listed in it is not missed in the
// end: each run finds one level less of it. What it had in the container goes too.
func TestADirectoryThatWasRemovedIsNotMissedInTheEnd(t *testing.T) {
	source := t.TempDir()
	harness.WriteFile(t, filepath.Join(source, "stays"), "as it is")
	harness.MustMkdir(t, filepath.Join(source, "gone"))
	harness.Must(t, unix.Mkfifo(filepath.Join(source, "gone", "is uploaded"), 0o644))
	for _, name := range []string{"a", "b"} {
		harness.WriteFile(t, filepath.Join(source, "gone", name), strings.Repeat(name, 50_000))
	}
	c := remote.NewMetered(t)
	k := remote.Killed{T: t, Container: c, State: filepath.Join(t.TempDir(), "state"), Source: source, Flags: nil}
	isFIFO := func(name string) bool {
		n, err := clfs.ParseName(name)
		return err == nil && n.Type == clfs.TypeFIFO
	}
	listOnly(k, func(name string) bool { return trees.ExceptBucket(name) && !isFIFO(name) },
		func() bool { return slices.ContainsFunc(c.Inventory().Names, isFIFO) })
	harness.Must(t, os.RemoveAll(filepath.Join(source, "gone")))

	for range 2 {
		harness.Clfsload(t, c.Into(k.State, source)...).MustExit(harness.ExitIncomplete).MustSay("gone", "no such file")
	}
	harness.Clfsload(t, c.Into(k.State, source)...).MustExit(harness.ExitOK)
	mustHoldBut(t, trees.List(t, source), c)
}
