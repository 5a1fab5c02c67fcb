package tests

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/clfs"
	"clfsload/clfs/object"
)

func TestAnOlderCopyOfStateIsRefused(t *testing.T) {
	i := newIntake(t)
	writeFile(t, i.path("file"), "one")
	i.unmounted()
	old := i.state + ".old"
	copyTree(t, i.state, old)

	i.again()
	writeFile(t, i.path("file"), "two")
	writeFile(t, i.path("new"), "new")
	i.unmounted()
	arguments := []string{"mount", "--state", old, "--target", i.target, i.point}
	mustRefuseState(t, i.container(), arguments...)
	clfsload(t, arguments...).mustExit(exitState).mustSay("publication 2", "publication 1", i.state)

	// The newest one goes on.
	i.again()
	writeFile(t, i.path("more"), "more")
	i.unmounted()
	tree := readContainer(t, i.blobs()).Tree
	if len(tree) != 4 || tree["file"].Size != 3 {
		t.Errorf("published are %v", tree)
	}
}

// A copy of before the last use is refused also if nothing was published in that use: what
// was uploaded in it would be left over, and what was acknowledged would be lost.
func TestACopyOfStateOfBeforeAnUnpublishedUseIsRefused(t *testing.T) {
	i := newIntake(t, "--settle", "100ms")
	writeFile(t, i.path("file"), "one")
	i.unmounted()
	copied := i.state + ".copied"
	copyTree(t, i.state, copied)
	i.again()
	writeFile(t, i.path("more"), strings.Repeat("more", 10_000))
	i.flush()
	i.killed()
	must(t, unix.Unmount(i.point, unix.MNT_DETACH))
	mustRefuseState(t, i.container(), "mount", "--state", copied, "--target", i.target, i.point)
	i.again()
	i.unmounted()
	clfsload(t, "verify", i.target).mustExit(exitOK)
}

// A mount that has never published has no root, and no damage.
func TestAMountThatHasNotPublishedYetIsNotDamaged(t *testing.T) {
	i := newIntake(t, "--settle", "100ms")
	clfsload(t, "verify", i.target).mustExit(exitOK).mustSay(i.state)
	writeFile(t, i.path("file"), strings.Repeat("text", 10_000))
	i.flush()
	clfsload(t, "verify", i.target).mustExit(exitOK).mustSay("unpublished", i.state)
	i.killed()
	clfsload(t, "verify", i.target).mustExit(exitOK).mustSay("unpublished", i.state)
}

// Whichever of two copies publishes first, the other one is refused from then on.
func TestOfTwoCopiesOfStateOnlyOnePublishes(t *testing.T) {
	i := newIntake(t)
	writeFile(t, i.path("file"), "one")
	i.unmounted()
	other := i.state + ".other"
	copyTree(t, i.state, other)
	for _, state := range []string{i.state, other} {
		i.state = state
		if state == other {
			mustRefuseState(t, i.container(), "mount", "--state", state, "--target", i.target, i.point)
			continue
		}
		i.again()
		writeFile(t, i.path("more"), "more")
		i.unmounted()
	}
}

func TestACopyOfTheStateOfAKilledMountIsRefusedAfterTheNextPublication(t *testing.T) {
	i := newIntake(t)
	writeFile(t, i.path("file"), "one")
	i.publish()
	i.flush()
	i.killed()
	copied := i.state + ".copied"
	copyTree(t, i.state, copied)
	i.again()
	writeFile(t, i.path("file"), "two")
	i.publish()
	i.killed()
	must(t, unix.Unmount(i.point, unix.MNT_DETACH))
	mustRefuseState(t, i.container(), "mount", "--state", copied, "--target", i.target, i.point)
	i.again()
	i.unmounted()
	i.mustHave("file", "two")
}

func TestAContainerThatWasPutBackToAnOlderCopyIsRefused(t *testing.T) {
	i := newIntake(t)
	writeFile(t, i.path("file"), "one")
	i.unmounted()
	older := i.container() + ".older"
	copyTree(t, i.container(), older)
	i.again()
	writeFile(t, i.path("file"), "two")
	i.unmounted()
	must(t, os.RemoveAll(i.container()))
	must(t, os.Rename(older, i.container()))
	mustRefuseState(t, i.container(), "mount", "--state", i.state, "--target", i.target, i.point)
}

// rootBlob is the path of the newest root of a container.
func rootBlob(t *testing.T, container string) (path string, name clfs.Name) {
	t.Helper()
	for file := range contentsOf(t, container) {
		n, err := clfs.ParseName(file)
		if err == nil && n.ID == clfs.RootID && n.Version >= name.Version {
			path, name = filepath.Join(container, file), n
		}
	}
	if path == "" {
		t.Fatal("there is no root")
	}
	return path, name
}

// A cache rewrites inodes, and may drop what it does not know of the bucket object.
func TestAContainerThatAnotherProgramHasChangedIsRefused(t *testing.T) {
	rewriteRoot := func(t *testing.T, container string) {
		path, name := rootBlob(t, container)
		name.Version += 5
		data, err := os.ReadFile(path)
		must(t, err)
		must(t, os.WriteFile(filepath.Join(container, name.String()), data, 0o600))
	}
	dropMark := func(t *testing.T, container string) {
		editBucket(t, container, func(b *object.Bucket) { b.Mark = nil })
	}
	for _, c := range []struct {
		name    string
		change  func(t *testing.T, container string)
		refused bool
	}{
		{"the root is newer", rewriteRoot, true},
		{"the root is newer, and there is no mark", func(t *testing.T, c string) { rewriteRoot(t, c); dropMark(t, c) }, true},
		{"the root is gone", func(t *testing.T, c string) { path, _ := rootBlob(t, c); must(t, os.Remove(path)) }, true},
		{"the mark is another's", func(t *testing.T, c string) {
			editBucket(t, c, func(b *object.Bucket) { b.Mark.ID = "123e4567-e89b-42d3-a456-426614174000" })
		}, true},
		{"there is no mark", dropMark, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			i := newIntake(t)
			writeFile(t, i.path("file"), "one")
			i.unmounted()
			c.change(t, i.container())
			if c.refused {
				mustRefuseState(t, i.container(), "mount", "--state", i.state, "--target", i.target, i.point)
				return
			}
			i.again()
			writeFile(t, i.path("more"), "more")
			i.unmounted()
			i.mustHave("more", "more")
		})
	}
}

// What happens to the container while it is mounted is noticed by the next publication.
func TestAPublicationIsRefusedOverOneOfAnotherState(t *testing.T) {
	i := newIntake(t)
	writeFile(t, i.path("file"), "one")
	i.publish()
	editBucket(t, i.container(), func(b *object.Bucket) { b.Mark.ID = "123e4567-e89b-42d3-a456-426614174000" })
	before, name := rootBlob(t, i.container())
	writeFile(t, i.path("file"), "two")
	clfsload(t, "publish", i.point).mustExit(exitState).mustSay("do not belong together")
	if after, now := rootBlob(t, i.container()); after != before {
		t.Errorf("the root %v was replaced by %v", name, now)
	}
	i.mustHave("file", "one")
	i.killed()
}

func TestTheStateOfALoadIsRefusedWhereAnotherProgramHasChangedTheContainer(t *testing.T) {
	source := t.TempDir()
	writeFile(t, filepath.Join(source, "file"), "text")
	tr := newTransfer(t, source)
	clfsload(t, tr.begin()...).mustExit(exitOK)
	clfsload(t, tr.resume()...).mustExit(exitOK).mustSay("already complete")
	path, name := rootBlob(t, tr.blobs)
	name.Version++
	data, err := os.ReadFile(path)
	must(t, err)
	must(t, os.WriteFile(filepath.Join(tr.blobs, name.String()), data, 0o600))
	mustRefuseState(t, tr.blobs, tr.resume()...)
}

// A copy of STATE from the middle of a load is of no use once the load is published.
func TestACopyOfStateFromTheMiddleOfALoadIsRefusedAfterItsEnd(t *testing.T) {
	source := cutTree(t)
	tr := newTransfer(t, source)
	r := command(t, tr.begin("--concurrency", "1")).start()
	waitForBlobs(r, tr.blobs, 50)
	must(t, r.freeze())
	must(t, r.command.Process.Kill())
	if res := r.wait(); res.code != -1 {
		t.Fatalf("ended with %d", res.code)
	}
	copied := tr.state + ".copied"
	copyTree(t, tr.state, copied)
	clfsload(t, tr.resume()...).mustExit(exitOK)
	tr.state = copied
	mustRefuseState(t, tr.blobs, tr.resume()...)
}

// A log that was damaged after a kill is damage, whatever was published before.
func TestAMountWithADamagedLogIsRefused(t *testing.T) {
	i := newIntake(t)
	i.directory("d")
	for k := range 50 {
		writeFile(t, i.path(fmt.Sprint("d/file-", k)), "text")
	}
	must(t, fsync(i.path("d")))
	i.publish()
	i.killed()
	must(t, unix.Unmount(i.point, unix.MNT_DETACH))
	log := filepath.Join(i.state, "journal.sqlite-wal")
	whole, err := os.ReadFile(log)
	must(t, err)
	for name, data := range map[string][]byte{
		"a byte is another":  append(append(bytes.Clone(whole[:len(whole)/3]), whole[len(whole)/3]^1), whole[len(whole)/3+1:]...),
		"the end is missing": whole[:len(whole)/2],
		"it is empty":        {},
	} {
		t.Run(name, func(t *testing.T) {
			must(t, os.WriteFile(log, data, 0o600))
			clfsload(t, "mount", "--state", i.state, "--target", i.target, i.point).mustExit(exitJournal).mustBeOneLine().mustSay("damaged")
		})
	}
	must(t, os.WriteFile(log, whole, 0o600))
	i.again()
	i.unmounted()
	if got := len(readContainer(t, i.blobs()).Tree); got != 52 {
		t.Errorf("the container has %d entries", got)
	}
}

// While a mount goes on, its uploads that no publication leads to yet are no damage.
// Once it has ended with everything published, anything that is left over is.
func TestVerifyNamesTheStateOfWhatIsNotPublished(t *testing.T) {
	i := newIntake(t, "--settle", "100ms")
	writeFile(t, i.path("whole"), "whole")
	i.publish()
	clfsload(t, "verify", i.target).mustExit(exitOK).mustSay("sound")
	open, err := os.Create(i.path("open"))
	must(t, err)
	defer open.Close()
	_, err = open.Write(bytes.Repeat([]byte("0123456789abcdef"), 20<<16))
	must(t, err)
	writeFile(t, i.path("later"), "uploaded, not published")
	clfsload(t, "flush", i.point).mustExit(exitIncomplete)
	host, err := os.Hostname()
	must(t, err)
	for range 2 {
		clfsload(t, "verify", i.target).mustExit(exitOK).mustSay("sound", "unpublished", host+":"+i.state)
		if i.ended {
			break
		}
		i.killed()
	}
	i.again()
	clfsload(t, "unmount", i.point).mustExit(exitIncomplete) // the file that was open
	i.await().mustExit(exitIncomplete)
	clfsload(t, "verify", i.target).mustExit(exitOK)

	i.again("--include-incomplete")
	i.unmounted()
	clfsload(t, "verify", i.target).mustExit(exitOK).mustNotSay("unpublished")
	i.again()
	clfsload(t, "verify", i.target).mustExit(exitOK)
	plantOrphan(t, i.container()) // of another container
	clfsload(t, "verify", i.target).mustExit(exitDamaged).mustSay("orphan")
	i.unmounted()
	plantOrphan(t, i.container())
	clfsload(t, "verify", i.target).mustExit(exitDamaged).mustSay("orphan")
}

// plantOrphan adds an object that nothing leads to.
func plantOrphan(t *testing.T, container string) {
	t.Helper()
	id := clfs.NewHandle(clfs.Key{7}, 5, clfs.RootID, clfs.TypeFIFO, 0, 123456789)
	name := clfs.ObjectName(id, clfs.RootID, clfs.TypeFIFO, clfs.FirstVersion)
	must(t, os.WriteFile(filepath.Join(container, name), []byte{0, 0, 0, 0}, 0o600))
}

func TestAnOrphanInTheContainerOfALoadIsDamage(t *testing.T) {
	source := t.TempDir()
	writeFile(t, filepath.Join(source, "file"), "text")
	tr := newTransfer(t, source)
	clfsload(t, tr.begin()...).mustExit(exitOK)
	clfsload(t, "verify", "dir:"+tr.blobs).mustExit(exitOK)
	plantOrphan(t, tr.blobs)
	clfsload(t, "verify", "dir:"+tr.blobs).mustExit(exitDamaged).mustSay("orphan")
}
