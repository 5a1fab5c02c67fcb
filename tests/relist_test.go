package tests

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/clfs"
	"clfsload/tests/inventory"
)

// What took the place of an entry since it was listed is loaded by the next run,
// and nothing of what was there before stays in the container.
func TestWhatTookThePlaceOfAFailedEntryIsLoadedByTheNextRun(t *testing.T) {
	source := t.TempDir()
	in := func(name string) string { return filepath.Join(source, name) }
	for _, name := range []string{"vanished", "directory now", "symlink now", "fifo now", "one", "stays"} {
		writeFile(t, in(name), strings.Repeat(name, 10_000))
	}
	must(t, os.Link(in("one"), in("two")))
	c := newMeteredContainer(t)
	k := killedLoad{t: t, container: c, state: filepath.Join(t.TempDir(), "state"), source: source, flags: []string{"--preserve-hardlinks"}}
	listOnly(k, exceptBucket, always)

	for _, name := range []string{"vanished", "directory now", "symlink now", "fifo now", "one"} {
		must(t, os.Remove(in(name)))
	}
	mustMkdir(t, in("directory now"))
	writeFile(t, filepath.Join(in("directory now"), "inside"), "new")
	must(t, os.Symlink("stays", in("symlink now")))
	must(t, unix.Mkfifo(in("fifo now"), 0o644))
	writeFile(t, in("one"), "a file of its own")

	clfsload(t, c.into(k.state, source)...).mustExit(exitIncomplete).mustSay("vanished", "no such file", "replaced")
	mustNotBePublishedTo(t, c)
	clfsload(t, c.into(k.state, source)...).mustExit(exitOK)
	scope := inventory.Full // the directory's own attributes are those of the last listing
	scope.Atime = false     // but listTree looks at it as well
	mustHold(t, listTree(t, source), c.inventory(), scope)
}

// A directory that was removed with all that was listed in it is not missed in the
// end: each run finds one level less of it. What it had in the container goes too.
func TestADirectoryThatWasRemovedIsNotMissedInTheEnd(t *testing.T) {
	source := t.TempDir()
	writeFile(t, filepath.Join(source, "stays"), "as it is")
	mustMkdir(t, filepath.Join(source, "gone"))
	must(t, unix.Mkfifo(filepath.Join(source, "gone", "is uploaded"), 0o644))
	for _, name := range []string{"a", "b"} {
		writeFile(t, filepath.Join(source, "gone", name), strings.Repeat(name, 50_000))
	}
	c := newMeteredContainer(t)
	k := killedLoad{t: t, container: c, state: filepath.Join(t.TempDir(), "state"), source: source, flags: nil}
	isFIFO := func(name string) bool {
		n, err := clfs.ParseName(name)
		return err == nil && n.Type == clfs.TypeFIFO
	}
	listOnly(k, func(name string) bool { return exceptBucket(name) && !isFIFO(name) },
		func() bool { return slices.ContainsFunc(c.inventory().Names, isFIFO) })
	must(t, os.RemoveAll(filepath.Join(source, "gone")))

	for range 2 {
		clfsload(t, c.into(k.state, source)...).mustExit(exitIncomplete).mustSay("gone", "no such file")
	}
	clfsload(t, c.into(k.state, source)...).mustExit(exitOK)
	mustHoldBut(t, listTree(t, source), c)
}
