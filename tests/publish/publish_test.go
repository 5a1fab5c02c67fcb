package publish

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/clfs"
	"clfsload/tests/harness"
	"clfsload/tests/inventory"
	"clfsload/tests/mounted"
	"clfsload/tests/remote"
	"clfsload/tests/trees"
)

func TestFlushUploadsAndPublishMakesReachable(t *testing.T) {
	i := mounted.NewIntake(t, mounted.LongSettle...)
	trees.ATree(t, i.Point)
	const first = "directory-0/file-0"
	if got := progress(i, first); got != "dirty" {
		t.Errorf("before the flush the state is %q", got)
	}
	i.Flush().MustSay("uploaded")
	if got := progress(i, first); got != "uploaded" {
		t.Errorf("after the flush the state is %q", got)
	}
	i.MustNotBePublished()
	if s := i.Status(); s.PublishedAt != "" || s.Staged.Entries != 0 || s.Uploading.Entries != 0 || !s.Running || s.Kind != "mount" {
		t.Errorf("after the flush the status is %+v", s)
	}
	i.Publish().MustSay("published")
	if got := progress(i, first); got != "published" {
		t.Errorf("after the publication the state is %q", got)
	}
	i.MustBePublished()
	if s := i.Status(); s.PublishedAt == "" || s.Entries < 110 {
		t.Errorf("after the publication the status is %+v", s)
	}
	harness.Clfsload(t, "status", i.Point).MustExit(harness.ExitOK).MustSay(i.Point, i.State, i.Target, "running")
	n, err := unix.Llistxattr(i.Path(first), make([]byte, 100))
	if n > 0 {
		t.Errorf("%d bytes of attributes are listed, %v", n, err)
	}
}

func TestAFileThatIsOpenIsPublishedAsItWasClosedLast(t *testing.T) {
	i := mounted.NewIntake(t)
	harness.WriteFile(t, i.Path("old"), "closed contents")
	i.Publish()
	old, err := os.OpenFile(i.Path("old"), os.O_WRONLY|os.O_TRUNC, 0)
	harness.Must(t, err)
	defer old.Close()
	_, err = old.WriteString("not closed yet")
	harness.Must(t, err)
	fresh, err := os.Create(i.Path("fresh"))
	harness.Must(t, err)
	defer fresh.Close()
	harness.WriteFile(t, i.Path("other"), "x")

	var said mounted.Finished
	harness.Decode(t, harness.Clfsload(t, "publish", "--json", i.Point).MustExit(harness.ExitIncomplete).Stdout, &said)
	var left []string
	for _, l := range said.Left {
		left = append(left, l.Path)
	}
	slices.Sort(left)
	if want := []string{"fresh", "old"}; !slices.Equal(left, want) || said.LeftTotal != 2 {
		t.Errorf("left are %q", left)
	}
	published := trees.ReadContainer(t, i.Blobs()).Tree
	if _, there := published["fresh"]; there || published["old"].Size != uint64(len("closed contents")) || published["other"].Size != 1 {
		t.Errorf("published are %v", published)
	}
	harness.Clfsload(t, "flush", i.Point).MustExit(harness.ExitIncomplete).MustSay("old: ", "fresh: ")
	if s := i.Status(); s.Open == nil || s.Open.Files != 2 {
		t.Errorf("the status tells of open files: %+v", s.Open)
	}
	harness.Must(t, old.Close())
	harness.Must(t, fresh.Close())
	i.Publish()
	i.MustBePublished()
}

func TestUnmountPublishesAndEndsTheProcess(t *testing.T) {
	i := mounted.NewIntake(t, mounted.LongSettle...)
	trees.ATree(t, i.Point)
	before := trees.List(t, i.Point)
	harness.Clfsload(t, "unmount", i.Point).MustExit(harness.ExitOK).MustSay("unmounted", "published")
	i.Await().MustExit(harness.ExitOK)
	if mounted.At(t, i.Point) {
		t.Error("something is still mounted")
	}
	trees.MustHold(t, before, i.Blobs(), trees.AsMounted)
	if s := i.Status(); s.Running || s.PublishedAt == "" {
		t.Errorf("afterwards the status is %+v", s)
	}
}

func TestSIGTERMPublishesAsUnmountDoes(t *testing.T) {
	i := mounted.NewIntake(t, mounted.LongSettle...)
	trees.ATree(t, i.Point)
	before := trees.List(t, i.Point)
	i.End(unix.SIGTERM).MustExit(harness.ExitOK)
	trees.MustHold(t, before, i.Blobs(), trees.AsMounted)
}

func TestUnmountLeavesWhatIsNotPublishedToTheNextMount(t *testing.T) {
	i := mounted.NewIntake(t, mounted.LongSettle...)
	trees.ATree(t, i.Point)
	before := trees.List(t, i.Point)
	i.Remount()
	i.MustNotBePublished()
	trees.ReportLines(t, "after the remount", inventory.Compare(before, trees.List(t, i.Point), trees.AsMounted))
	i.Publish()
	trees.MustHold(t, before, i.Blobs(), trees.AsMounted)
}

func TestAMountInUseStaysMounted(t *testing.T) {
	i := mounted.NewIntake(t)
	f, err := os.Create(i.Path("open"))
	harness.Must(t, err)
	harness.Clfsload(t, "unmount", "--no-publish", i.Point).MustExit(harness.ExitMountPoint).MustBeOneLine()
	if _, err := f.WriteString("still here"); err != nil {
		t.Error(err)
	}
	harness.Must(t, f.Close())
	i.Publish()
	i.MustBePublished()
}

func TestOpenFilesWithoutANameLiveOn(t *testing.T) {
	i := mounted.NewIntake(t, mounted.SmallStaging...)
	f, err := os.Create(i.Path("gone"))
	harness.Must(t, err)
	defer f.Close()
	harness.Must(t, os.Remove(i.Path("gone")))
	data := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	_, err = f.WriteAt(data, clfs.SegmentBytes-5)
	harness.Must(t, err)
	i.Publish()
	got := make([]byte, len(data))
	if _, err := f.ReadAt(got, clfs.SegmentBytes-5); err != nil || !bytes.Equal(got, data) {
		t.Errorf("what was written is not there any more: %v", err)
	}
	var st unix.Stat_t
	harness.Must(t, unix.Fstat(int(f.Fd()), &st))
	if st.Nlink != 0 || st.Size != int64(len(data)+clfs.SegmentBytes-5) {
		t.Errorf("%d links, %d bytes", st.Nlink, st.Size)
	}
	harness.Must(t, f.Close())
	i.Publish()
	i.MustBePublished()
	i.Remount()
	if left := mounted.StagedFiles(t, i.State); len(left) > 0 {
		t.Errorf("in staging are %v", left)
	}
}

// putsOf counts the Puts of inodes and of segments.
func putsOf(puts []remote.Put) (inodes, segments int) {
	for _, p := range puts {
		name, err := clfs.ParseName(p.Name)
		switch {
		case err != nil || strings.HasPrefix(p.Name, trees.BucketPrefix):
		case name.Type == clfs.TypeSegment:
			segments++
		default:
			inodes++
		}
	}
	return inodes, segments
}

func TestTemporaryNamesOfRsyncCostNoBlobs(t *testing.T) {
	i, c := mounted.NewMeteredIntake(t, mounted.LongSettle...)
	source := t.TempDir()
	trees.ATree(t, source)
	i.RsyncInto(source)
	harness.WriteFile(t, i.Path("short-lived"), "x")
	harness.Must(t, os.Remove(i.Path("short-lived")))
	if inodes, segments := putsOf(c.Taken()); inodes+segments > 0 {
		t.Errorf("%d inodes and %d segments were put before anything had settled", inodes, segments)
	}
	i.Publish()
	contents := trees.ReadContainer(t, c.Inventory())
	if inodes, segments := putsOf(c.Taken()); inodes != contents.Objects || segments != 0 {
		t.Errorf("%d inodes and %d segments were put for %d objects", inodes, segments, contents.Objects)
	}
}

func TestWritingToAPartOfAFileUploadsThatSegmentAlone(t *testing.T) {
	i, c := mounted.NewMeteredIntake(t, mounted.LongSettle...)
	random := trees.SeededRandom(t)
	trees.WriteNoise(t, i.Path("file"), 40<<20, random)
	i.Publish()
	if _, segments := putsOf(c.Taken()); segments != 5 {
		t.Errorf("%d segments were put", segments)
	}
	f, err := os.OpenFile(i.Path("file"), os.O_WRONLY, 0)
	harness.Must(t, err)
	_, err = f.WriteAt([]byte("changed"), 20<<20)
	harness.Must(t, err)
	harness.Must(t, f.Close())
	i.Publish()
	if inodes, segments := putsOf(c.Taken()); segments != 1 || inodes != 1 {
		t.Errorf("after a write of 7 bytes %d inodes and %d segments were put", inodes, segments)
	}
	harness.Must(t, os.Chmod(i.Path("file"), 0o600))
	i.Publish()
	if inodes, segments := putsOf(c.Taken()); segments != 0 || inodes != 1 {
		t.Errorf("after a chmod %d inodes and %d segments were put", inodes, segments)
	}
	i.Publish()
	if puts := c.Taken(); len(puts) > 0 {
		t.Errorf("with nothing changed %v were put", puts)
	}
	blobs := c.Inventory()
	blobs.Lived = true
	trees.MustHold(t, trees.List(t, i.Point), blobs, trees.AsMounted)
}

// Data of a file that is written in order go up before it is closed.
func TestALongFileIsUploadedWhileItIsWritten(t *testing.T) {
	i, c := mounted.NewMeteredIntake(t, mounted.LongSettle...)
	f, err := os.Create(i.Path("long"))
	harness.Must(t, err)
	defer f.Close()
	put := make(chan struct{}, 100)
	c.Before(func(name string) {
		if n, err := clfs.ParseName(name); err == nil && n.Type == clfs.TypeSegment {
			put <- struct{}{}
		}
	})
	for range 3 {
		_, err := f.Write(bytes.Repeat([]byte("abcdefgh"), 1<<20))
		harness.Must(t, err)
	}
	<-put
	<-put
	harness.Must(t, f.Close())
	i.Publish()
	i.Flush()
}

func TestCommandsOnWhatIsNoMountSaySo(t *testing.T) {
	i := mounted.NewIntake(t)
	harness.WriteFile(t, i.Path("x"), "x")
	i.Remount()
	harness.Clfsload(t, "unmount", i.Point).MustExit(harness.ExitOK)
	i.Await()
	for _, name := range []string{"flush", "publish", "unmount"} {
		harness.Clfsload(t, name).MustExit(harness.ExitUsage).MustBeOneLine()
		harness.Clfsload(t, name, t.TempDir()).MustExit(harness.ExitState).MustBeOneLine()
		harness.Clfsload(t, name, i.State).MustExit(harness.ExitState).MustBeOneLine().MustSay("no load or mount is running")
	}
	harness.Clfsload(t, "status", t.TempDir()).MustExit(harness.ExitState).MustBeOneLine()
}
