package tests

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/clfs"
	"clfsload/tests/inventory"
)

func TestFlushUploadsAndPublishMakesReachable(t *testing.T) {
	i := newIntake(t, longSettle...)
	aTree(t, i.point)
	const first = "directory-0/file-0"
	if got := progress(i, first); got != "dirty" {
		t.Errorf("before the flush the state is %q", got)
	}
	i.flush().mustSay("uploaded")
	if got := progress(i, first); got != "uploaded" {
		t.Errorf("after the flush the state is %q", got)
	}
	i.mustNotBePublished()
	if s := i.status(); s.PublishedAt != "" || s.Staged.Entries != 0 || s.Uploading.Entries != 0 || !s.Running || s.Kind != "mount" {
		t.Errorf("after the flush the status is %+v", s)
	}
	i.publish().mustSay("published")
	if got := progress(i, first); got != "published" {
		t.Errorf("after the publication the state is %q", got)
	}
	i.mustBePublished()
	if s := i.status(); s.PublishedAt == "" || s.Entries < 110 {
		t.Errorf("after the publication the status is %+v", s)
	}
	clfsload(t, "status", i.point).mustExit(exitOK).mustSay(i.point, i.state, i.target, "running")
	n, err := unix.Llistxattr(i.path(first), make([]byte, 100))
	if n > 0 {
		t.Errorf("%d bytes of attributes are listed, %v", n, err)
	}
}

func TestAFileThatIsOpenIsPublishedAsItWasClosedLast(t *testing.T) {
	i := newIntake(t)
	writeFile(t, i.path("old"), "closed contents")
	i.publish()
	old, err := os.OpenFile(i.path("old"), os.O_WRONLY|os.O_TRUNC, 0)
	must(t, err)
	defer old.Close()
	_, err = old.WriteString("not closed yet")
	must(t, err)
	fresh, err := os.Create(i.path("fresh"))
	must(t, err)
	defer fresh.Close()
	writeFile(t, i.path("other"), "x")

	var said finished
	decode(t, clfsload(t, "publish", "--json", i.point).mustExit(exitIncomplete).stdout, &said)
	var left []string
	for _, l := range said.Left {
		left = append(left, l.Path)
	}
	slices.Sort(left)
	if want := []string{"fresh", "old"}; !slices.Equal(left, want) || said.LeftTotal != 2 {
		t.Errorf("left are %q", left)
	}
	published := readContainer(t, i.blobs()).Tree
	if _, there := published["fresh"]; there || published["old"].Size != uint64(len("closed contents")) || published["other"].Size != 1 {
		t.Errorf("published are %v", published)
	}
	clfsload(t, "flush", i.point).mustExit(exitIncomplete).mustSay("old: ", "fresh: ")
	if s := i.status(); s.Open == nil || s.Open.Files != 2 {
		t.Errorf("the status tells of open files: %+v", s.Open)
	}
	must(t, old.Close())
	must(t, fresh.Close())
	i.publish()
	i.mustBePublished()
}

func TestUnmountPublishesAndEndsTheProcess(t *testing.T) {
	i := newIntake(t, longSettle...)
	aTree(t, i.point)
	before := listTree(t, i.point)
	clfsload(t, "unmount", i.point).mustExit(exitOK).mustSay("unmounted", "published")
	i.await().mustExit(exitOK)
	if isMounted(t, i.point) {
		t.Error("something is still mounted")
	}
	mustHold(t, before, i.blobs(), asMounted)
	if s := i.status(); s.Running || s.PublishedAt == "" {
		t.Errorf("afterwards the status is %+v", s)
	}
}

func TestSIGTERMPublishesAsUnmountDoes(t *testing.T) {
	i := newIntake(t, longSettle...)
	aTree(t, i.point)
	before := listTree(t, i.point)
	i.end(unix.SIGTERM).mustExit(exitOK)
	mustHold(t, before, i.blobs(), asMounted)
}

func TestUnmountLeavesWhatIsNotPublishedToTheNextMount(t *testing.T) {
	i := newIntake(t, longSettle...)
	aTree(t, i.point)
	before := listTree(t, i.point)
	i.remount()
	i.mustNotBePublished()
	reportLines(t, "after the remount", inventory.Compare(before, listTree(t, i.point), asMounted))
	i.publish()
	mustHold(t, before, i.blobs(), asMounted)
}

func TestAMountInUseStaysMounted(t *testing.T) {
	i := newIntake(t)
	f, err := os.Create(i.path("open"))
	must(t, err)
	clfsload(t, "unmount", "--no-publish", i.point).mustExit(exitMountPoint).mustBeOneLine()
	if _, err := f.WriteString("still here"); err != nil {
		t.Error(err)
	}
	must(t, f.Close())
	i.publish()
	i.mustBePublished()
}

func TestOpenFilesWithoutANameLiveOn(t *testing.T) {
	i := newIntake(t, smallStaging...)
	f, err := os.Create(i.path("gone"))
	must(t, err)
	defer f.Close()
	must(t, os.Remove(i.path("gone")))
	data := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	_, err = f.WriteAt(data, clfs.SegmentBytes-5)
	must(t, err)
	i.publish()
	got := make([]byte, len(data))
	if _, err := f.ReadAt(got, clfs.SegmentBytes-5); err != nil || !bytes.Equal(got, data) {
		t.Errorf("what was written is not there any more: %v", err)
	}
	var st unix.Stat_t
	must(t, unix.Fstat(int(f.Fd()), &st))
	if st.Nlink != 0 || st.Size != int64(len(data)+clfs.SegmentBytes-5) {
		t.Errorf("%d links, %d bytes", st.Nlink, st.Size)
	}
	must(t, f.Close())
	i.publish()
	i.mustBePublished()
	i.remount()
	if left := stagedFiles(t, i.state); len(left) > 0 {
		t.Errorf("in staging are %v", left)
	}
}

// putsOf counts the Puts of inodes and of segments.
func putsOf(puts []metered) (inodes, segments int) {
	for _, p := range puts {
		name, err := clfs.ParseName(p.name)
		switch {
		case err != nil || strings.HasPrefix(p.name, bucketPrefix):
		case name.Type == clfs.TypeSegment:
			segments++
		default:
			inodes++
		}
	}
	return inodes, segments
}

func TestTemporaryNamesOfRsyncCostNoBlobs(t *testing.T) {
	i, c := newMeteredIntake(t, longSettle...)
	source := t.TempDir()
	aTree(t, source)
	i.rsyncInto(source)
	writeFile(t, i.path("short-lived"), "x")
	must(t, os.Remove(i.path("short-lived")))
	if inodes, segments := putsOf(c.taken()); inodes+segments > 0 {
		t.Errorf("%d inodes and %d segments were put before anything had settled", inodes, segments)
	}
	i.publish()
	contents := readContainer(t, c.inventory())
	if inodes, segments := putsOf(c.taken()); inodes != contents.Objects || segments != 0 {
		t.Errorf("%d inodes and %d segments were put for %d objects", inodes, segments, contents.Objects)
	}
}

func TestWritingToAPartOfAFileUploadsThatSegmentAlone(t *testing.T) {
	i, c := newMeteredIntake(t, longSettle...)
	random := seededRandom(t)
	writeNoise(t, i.path("file"), 40<<20, random)
	i.publish()
	if _, segments := putsOf(c.taken()); segments != 5 {
		t.Errorf("%d segments were put", segments)
	}
	f, err := os.OpenFile(i.path("file"), os.O_WRONLY, 0)
	must(t, err)
	_, err = f.WriteAt([]byte("changed"), 20<<20)
	must(t, err)
	must(t, f.Close())
	i.publish()
	if inodes, segments := putsOf(c.taken()); segments != 1 || inodes != 1 {
		t.Errorf("after a write of 7 bytes %d inodes and %d segments were put", inodes, segments)
	}
	must(t, os.Chmod(i.path("file"), 0o600))
	i.publish()
	if inodes, segments := putsOf(c.taken()); segments != 0 || inodes != 1 {
		t.Errorf("after a chmod %d inodes and %d segments were put", inodes, segments)
	}
	i.publish()
	if puts := c.taken(); len(puts) > 0 {
		t.Errorf("with nothing changed %v were put", puts)
	}
	blobs := c.inventory()
	blobs.Lived = true
	mustHold(t, listTree(t, i.point), blobs, asMounted)
}

// Data of a file that is written in order go up before it is closed.
func TestALongFileIsUploadedWhileItIsWritten(t *testing.T) {
	i, c := newMeteredIntake(t, longSettle...)
	f, err := os.Create(i.path("long"))
	must(t, err)
	defer f.Close()
	put := make(chan struct{}, 100)
	c.before(func(name string) {
		if n, err := clfs.ParseName(name); err == nil && n.Type == clfs.TypeSegment {
			put <- struct{}{}
		}
	})
	for range 3 {
		_, err := f.Write(bytes.Repeat([]byte("abcdefgh"), 1<<20))
		must(t, err)
	}
	<-put
	<-put
	must(t, f.Close())
	i.publish()
	i.flush()
}

func TestCommandsOnWhatIsNoMountSaySo(t *testing.T) {
	i := newIntake(t)
	writeFile(t, i.path("x"), "x")
	i.remount()
	clfsload(t, "unmount", i.point).mustExit(exitOK)
	i.await()
	for _, name := range []string{"flush", "publish", "unmount"} {
		clfsload(t, name).mustExit(exitUsage).mustBeOneLine()
		clfsload(t, name, t.TempDir()).mustExit(exitState).mustBeOneLine()
		clfsload(t, name, i.state).mustExit(exitState).mustBeOneLine().mustSay("no load or mount is running")
	}
	clfsload(t, "status", t.TempDir()).mustExit(exitState).mustBeOneLine()
}
