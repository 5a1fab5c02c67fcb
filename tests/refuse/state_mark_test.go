package refuse

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
	"clfsload/tests/harness"
	"clfsload/tests/mounted"
	"clfsload/tests/trees"
)

func TestAnOlderCopyOfStateIsRefused(t *testing.T) {
	i := mounted.NewIntake(t)
	harness.WriteFile(t, i.Path("file"), "one")
	i.Unmounted()
	old := i.State + ".old"
	harness.CopyTree(t, i.State, old)

	i.Again()
	harness.WriteFile(t, i.Path("file"), "two")
	harness.WriteFile(t, i.Path("new"), "new")
	i.Unmounted()
	arguments := []string{"mount", "--state", old, "--target", i.Target, i.Point}
	harness.MustRefuseState(t, i.Container(), arguments...)
	harness.Clfsload(t, arguments...).MustExit(harness.ExitState).MustSay("publication 2", "publication 1", i.State)

	// The newest one goes on.
	i.Again()
	harness.WriteFile(t, i.Path("more"), "more")
	i.Unmounted()
	tree := trees.ReadContainer(t, i.Blobs()).Tree
	if len(tree) != 4 || tree["file"].Size != 3 {
		t.Errorf("published are %v", tree)
	}
}

// A copy of before the last use is refused also if nothing was published in that use: what
// was uploaded in it would be left over, and what was acknowledged would be lost.
func TestACopyOfStateOfBeforeAnUnpublishedUseIsRefused(t *testing.T) {
	i := mounted.NewIntake(t, "--settle", "100ms")
	harness.WriteFile(t, i.Path("file"), "one")
	i.Unmounted()
	copied := i.State + ".copied"
	harness.CopyTree(t, i.State, copied)
	i.Again()
	harness.WriteFile(t, i.Path("more"), strings.Repeat("more", 10_000))
	i.Flush()
	i.Killed()
	harness.Must(t, unix.Unmount(i.Point, unix.MNT_DETACH))
	harness.MustRefuseState(t, i.Container(), "mount", "--state", copied, "--target", i.Target, i.Point)
	i.Again()
	i.Unmounted()
	harness.Clfsload(t, "verify", i.Target).MustExit(harness.ExitOK)
}

// A mount that has never published has no root, and no damage.
func TestAMountThatHasNotPublishedYetIsNotDamaged(t *testing.T) {
	i := mounted.NewIntake(t, "--settle", "100ms")
	harness.Clfsload(t, "verify", i.Target).MustExit(harness.ExitOK).MustSay(i.State)
	harness.WriteFile(t, i.Path("file"), strings.Repeat("text", 10_000))
	i.Flush()
	harness.Clfsload(t, "verify", i.Target).MustExit(harness.ExitOK).MustSay("unpublished", i.State)
	i.Killed()
	harness.Clfsload(t, "verify", i.Target).MustExit(harness.ExitOK).MustSay("unpublished", i.State)
}

// Whichever of two copies publishes first, the other one is refused from then on.
func TestOfTwoCopiesOfStateOnlyOnePublishes(t *testing.T) {
	i := mounted.NewIntake(t)
	harness.WriteFile(t, i.Path("file"), "one")
	i.Unmounted()
	other := i.State + ".other"
	harness.CopyTree(t, i.State, other)
	for _, state := range []string{i.State, other} {
		i.State = state
		if state == other {
			harness.MustRefuseState(t, i.Container(), "mount", "--state", state, "--target", i.Target, i.Point)
			continue
		}
		i.Again()
		harness.WriteFile(t, i.Path("more"), "more")
		i.Unmounted()
	}
}

func TestACopyOfTheStateOfAKilledMountIsRefusedAfterTheNextPublication(t *testing.T) {
	i := mounted.NewIntake(t)
	harness.WriteFile(t, i.Path("file"), "one")
	i.Publish()
	i.Flush()
	i.Killed()
	copied := i.State + ".copied"
	harness.CopyTree(t, i.State, copied)
	i.Again()
	harness.WriteFile(t, i.Path("file"), "two")
	i.Publish()
	i.Killed()
	harness.Must(t, unix.Unmount(i.Point, unix.MNT_DETACH))
	harness.MustRefuseState(t, i.Container(), "mount", "--state", copied, "--target", i.Target, i.Point)
	i.Again()
	i.Unmounted()
	i.MustHave("file", "two")
}

func TestAContainerThatWasPutBackToAnOlderCopyIsRefused(t *testing.T) {
	i := mounted.NewIntake(t)
	harness.WriteFile(t, i.Path("file"), "one")
	i.Unmounted()
	older := i.Container() + ".older"
	harness.CopyTree(t, i.Container(), older)
	i.Again()
	harness.WriteFile(t, i.Path("file"), "two")
	i.Unmounted()
	harness.Must(t, os.RemoveAll(i.Container()))
	harness.Must(t, os.Rename(older, i.Container()))
	harness.MustRefuseState(t, i.Container(), "mount", "--state", i.State, "--target", i.Target, i.Point)
}

// rootBlob is the path of the newest root of a container.
func rootBlob(t *testing.T, container string) (path string, name clfs.Name) {
	t.Helper()
	for file := range harness.ContentsOf(t, container) {
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
		harness.Must(t, err)
		harness.Must(t, os.WriteFile(filepath.Join(container, name.String()), data, 0o600))
	}
	dropMark := func(t *testing.T, container string) {
		trees.EditBucket(t, container, func(b *object.Bucket) { b.Mark = nil })
	}
	for _, c := range []struct {
		name    string
		change  func(t *testing.T, container string)
		refused bool
	}{
		{"the root is newer", rewriteRoot, true},
		{"the root is newer, and there is no mark", func(t *testing.T, c string) { rewriteRoot(t, c); dropMark(t, c) }, true},
		{"the root is gone", func(t *testing.T, c string) { path, _ := rootBlob(t, c); harness.Must(t, os.Remove(path)) }, true},
		{"the mark is another's", func(t *testing.T, c string) {
			trees.EditBucket(t, c, func(b *object.Bucket) { b.Mark.ID = "123e4567-e89b-42d3-a456-426614174000" })
		}, true},
		{"there is no mark", dropMark, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			i := mounted.NewIntake(t)
			harness.WriteFile(t, i.Path("file"), "one")
			i.Unmounted()
			c.change(t, i.Container())
			if c.refused {
				harness.MustRefuseState(t, i.Container(), "mount", "--state", i.State, "--target", i.Target, i.Point)
				return
			}
			i.Again()
			harness.WriteFile(t, i.Path("more"), "more")
			i.Unmounted()
			i.MustHave("more", "more")
		})
	}
}

// What happens to the container while it is mounted is noticed by the next publication.
func TestAPublicationIsRefusedOverOneOfAnotherState(t *testing.T) {
	i := mounted.NewIntake(t)
	harness.WriteFile(t, i.Path("file"), "one")
	i.Publish()
	trees.EditBucket(t, i.Container(), func(b *object.Bucket) { b.Mark.ID = "123e4567-e89b-42d3-a456-426614174000" })
	before, name := rootBlob(t, i.Container())
	harness.WriteFile(t, i.Path("file"), "two")
	harness.Clfsload(t, "publish", i.Point).MustExit(harness.ExitState).MustSay("do not belong together")
	if after, now := rootBlob(t, i.Container()); after != before {
		t.Errorf("the root %v was replaced by %v", name, now)
	}
	i.MustHave("file", "one")
	i.Killed()
}

func TestTheStateOfALoadIsRefusedWhereAnotherProgramHasChangedTheContainer(t *testing.T) {
	source := t.TempDir()
	harness.WriteFile(t, filepath.Join(source, "file"), "text")
	tr := harness.NewTransfer(t, source)
	harness.Clfsload(t, tr.Begin()...).MustExit(harness.ExitOK)
	harness.Clfsload(t, tr.Resume()...).MustExit(harness.ExitOK).MustSay("already complete")
	path, name := rootBlob(t, tr.Blobs)
	name.Version++
	data, err := os.ReadFile(path)
	harness.Must(t, err)
	harness.Must(t, os.WriteFile(filepath.Join(tr.Blobs, name.String()), data, 0o600))
	harness.MustRefuseState(t, tr.Blobs, tr.Resume()...)
}

// A copy of STATE from the middle of a load is of no use once the load is published.
func TestACopyOfStateFromTheMiddleOfALoadIsRefusedAfterItsEnd(t *testing.T) {
	source := trees.CutTree(t)
	tr := harness.NewTransfer(t, source)
	r := harness.Command(t, tr.Begin("--concurrency", "1")).Start()
	harness.WaitForBlobs(r, tr.Blobs, 50)
	harness.Must(t, r.Freeze())
	harness.Must(t, r.Command.Process.Kill())
	if res := r.Wait(); res.Code != -1 {
		t.Fatalf("ended with %d", res.Code)
	}
	copied := tr.State + ".copied"
	harness.CopyTree(t, tr.State, copied)
	harness.Clfsload(t, tr.Resume()...).MustExit(harness.ExitOK)
	tr.State = copied
	harness.MustRefuseState(t, tr.Blobs, tr.Resume()...)
}

// A log that was damaged after a kill is damage, whatever was published before.
func TestAMountWithADamagedLogIsRefused(t *testing.T) {
	i := mounted.NewIntake(t)
	i.Directory("d")
	for k := range 50 {
		harness.WriteFile(t, i.Path(fmt.Sprint("d/file-", k)), "text")
	}
	harness.Must(t, harness.Fsync(i.Path("d")))
	i.Publish()
	i.Killed()
	harness.Must(t, unix.Unmount(i.Point, unix.MNT_DETACH))
	log := filepath.Join(i.State, "journal.sqlite-wal")
	whole, err := os.ReadFile(log)
	harness.Must(t, err)
	for name, data := range map[string][]byte{
		"a byte is another":  append(append(bytes.Clone(whole[:len(whole)/3]), whole[len(whole)/3]^1), whole[len(whole)/3+1:]...),
		"the end is missing": whole[:len(whole)/2],
		"it is empty":        {},
	} {
		t.Run(name, func(t *testing.T) {
			harness.Must(t, os.WriteFile(log, data, 0o600))
			harness.Clfsload(t, "mount", "--state", i.State, "--target", i.Target, i.Point).MustExit(harness.ExitJournal).MustBeOneLine().MustSay("damaged")
		})
	}
	harness.Must(t, os.WriteFile(log, whole, 0o600))
	i.Again()
	i.Unmounted()
	if got := len(trees.ReadContainer(t, i.Blobs()).Tree); got != 52 {
		t.Errorf("the container has %d entries", got)
	}
}

// While a mount goes on, its uploads that no publication leads to yet are no damage.
// Once it has ended with everything published, anything that is left over is.
func TestVerifyNamesTheStateOfWhatIsNotPublished(t *testing.T) {
	i := mounted.NewIntake(t, "--settle", "100ms")
	harness.WriteFile(t, i.Path("whole"), "whole")
	i.Publish()
	harness.Clfsload(t, "verify", i.Target).MustExit(harness.ExitOK).MustSay("sound")
	open, err := os.Create(i.Path("open"))
	harness.Must(t, err)
	defer open.Close()
	_, err = open.Write(bytes.Repeat([]byte("0123456789abcdef"), 20<<16))
	harness.Must(t, err)
	harness.WriteFile(t, i.Path("later"), "uploaded, not published")
	harness.Clfsload(t, "flush", i.Point).MustExit(harness.ExitIncomplete)
	host, err := os.Hostname()
	harness.Must(t, err)
	for range 2 {
		harness.Clfsload(t, "verify", i.Target).MustExit(harness.ExitOK).MustSay("sound", "unpublished", host+":"+i.State)
		if i.Ended {
			break
		}
		i.Killed()
	}
	i.Again()
	harness.Clfsload(t, "unmount", i.Point).MustExit(harness.ExitIncomplete) // the file that was open
	i.Await().MustExit(harness.ExitIncomplete)
	harness.Clfsload(t, "verify", i.Target).MustExit(harness.ExitOK)

	i.Again("--include-incomplete")
	i.Unmounted()
	harness.Clfsload(t, "verify", i.Target).MustExit(harness.ExitOK).MustNotSay("unpublished")
	i.Again()
	harness.Clfsload(t, "verify", i.Target).MustExit(harness.ExitOK)
	plantOrphan(t, i.Container()) // of another container
	harness.Clfsload(t, "verify", i.Target).MustExit(harness.ExitDamaged).MustSay("orphan")
	i.Unmounted()
	plantOrphan(t, i.Container())
	harness.Clfsload(t, "verify", i.Target).MustExit(harness.ExitDamaged).MustSay("orphan")
}

// plantOrphan adds an object that nothing leads to.
func plantOrphan(t *testing.T, container string) {
	t.Helper()
	id := clfs.NewHandle(clfs.Key{7}, 5, clfs.RootID, clfs.TypeFIFO, 0, 123456789)
	name := clfs.ObjectName(id, clfs.RootID, clfs.TypeFIFO, clfs.FirstVersion)
	harness.Must(t, os.WriteFile(filepath.Join(container, name), []byte{0, 0, 0, 0}, 0o600))
}

func TestAnOrphanInTheContainerOfALoadIsDamage(t *testing.T) {
	source := t.TempDir()
	harness.WriteFile(t, filepath.Join(source, "file"), "text")
	tr := harness.NewTransfer(t, source)
	harness.Clfsload(t, tr.Begin()...).MustExit(harness.ExitOK)
	harness.Clfsload(t, "verify", "dir:"+tr.Blobs).MustExit(harness.ExitOK)
	plantOrphan(t, tr.Blobs)
	harness.Clfsload(t, "verify", "dir:"+tr.Blobs).MustExit(harness.ExitDamaged).MustSay("orphan")
}
