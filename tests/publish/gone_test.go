package publish

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/clfs"
	"clfsload/tests/blobserver"
	"clfsload/tests/harness"
	"clfsload/tests/mounted"
	"clfsload/tests/remote"
)

// goneSegments is how many segments the file has that is removed during its upload.
const goneSegments = 12

// waysToGo are what makes the upload of d/file useless.
var waysToGo = map[string]func(i *mounted.Intake){
	"removed":                    func(i *mounted.Intake) { harness.Must(i.T, os.Remove(i.Path("d/file"))) },
	"removed with its directory": func(i *mounted.Intake) { harness.Must(i.T, os.RemoveAll(i.Path("d"))) },
	"emptied":                    func(i *mounted.Intake) { harness.Must(i.T, os.Truncate(i.Path("d/file"), 0)) },
	"cut":                        func(i *mounted.Intake) { harness.Must(i.T, os.Truncate(i.Path("d/file"), 100)) },
	"replaced": func(i *mounted.Intake) {
		harness.WriteFile(i.T, i.Path("d/new"), "new")
		harness.Must(i.T, os.Rename(i.Path("d/new"), i.Path("d/file")))
	},
}

// writeLong writes a file of many segments into the directory d.
func writeLong(i *mounted.Intake) {
	i.T.Helper()
	harness.WriteFile(i.T, i.Directory("d")+"/file", strings.Repeat("0123456789abcdef", goneSegments*clfs.SegmentBytes/16))
}

// awaitSegment returns when a segment of a file is being put.
func awaitSegment(c *remote.Metered) (put <-chan struct{}) {
	begun := make(chan struct{})
	c.Before(func(name string) {
		if n, err := clfs.ParseName(name); err == nil && n.Type == clfs.TypeSegment {
			c.Before(nil)
			close(begun)
		}
	})
	return begun
}

// At this rate all of the file would take minutes.
func TestAFileThatGoesDuringItsUploadIsNotUploadedAndLeavesNothing(t *testing.T) {
	for name, goes := range waysToGo {
		t.Run(name, func(t *testing.T) {
			i, c := mounted.NewMeteredIntake(t, "--settle", "50ms", "--bandwidth-limit", "2MiB", "--compression", "DISABLED")
			begun := awaitSegment(c)
			writeLong(i)
			<-begun
			goes(i)
			i.EndsPublishedTo(c)
			if _, segments := putsOf(c.Taken()); segments > goneSegments/2 {
				t.Errorf("%d of %d segments were put", segments, goneSegments)
			}
		})
	}
}

// What the service has of a put is not known while it does not answer.
func TestAFileThatGoesInAnOutageLeavesNothing(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]blobserver.Fault{
		"nothing arrives":     {Operation: "Put", Cut: true},
		"answers are lost":    {Operation: "Put", Cut: true, After: true},
		"the service is busy": {Operation: "Put", Status: http.StatusServiceUnavailable, Code: "ServerBusy"},
	} {
		for way, goes := range waysToGo {
			t.Run(name+", "+way, func(t *testing.T) {
				t.Parallel()
				i, c := mounted.NewMeteredIntake(t, "--settle", "50ms")
				i.Publish() // puts the root, and the bucket object before
				begun := awaitSegment(c)
				fault.Times = 1_000_000
				c.Fail(fault)
				writeLong(i)
				<-begun
				goes(i)
				i.AwaitStatus("the outage is told", func(s mounted.IntakeStatus) bool { return s.Trouble != nil })
				c.Mend()
				i.EndsPublishedTo(c)
			})
		}
	}
}

func TestAFileThatGoesDuringItsUploadLeavesNothingThoughTheMountIsKilled(t *testing.T) {
	for name, goes := range waysToGo {
		t.Run(name, func(t *testing.T) {
			i, c := mounted.NewMeteredIntake(t, "--settle", "50ms", "--bandwidth-limit", "20MiB", "--compression", "DISABLED")
			begun := awaitSegment(c)
			writeLong(i)
			<-begun
			goes(i)
			i.Killed()
			i.Again("--settle", "50ms")
			i.EndsPublishedTo(c)
		})
	}
}

// A name less is not the end of a file, and what is written to a file without a name is
// nobody's but its writer's.
func TestAFileWithAnotherNameIsUploadedAndOneWithoutIsNot(t *testing.T) {
	i, c := mounted.NewMeteredIntake(t, "--settle", "50ms", "--bandwidth-limit", "50MiB", "--compression", "DISABLED")
	begun := awaitSegment(c)
	writeLong(i)
	harness.Must(t, os.Link(i.Path("d/file"), i.Path("other")))
	<-begun
	harness.Must(t, os.Remove(i.Path("d/file")))
	f, err := os.Create(i.Path("nameless"))
	harness.Must(t, err)
	harness.Must(t, os.Remove(i.Path("nameless")))
	_, err = f.Write(make([]byte, 5*clfs.SegmentBytes))
	harness.Must(t, err)
	i.Publish()
	if _, segments := putsOf(c.Taken()); segments < goneSegments || segments >= goneSegments+5 {
		t.Errorf("%d segments were put, want %d", segments, goneSegments)
	}
	harness.Must(t, f.Close())
	i.EndsPublishedTo(c)
}

// When the service refuses to delete, whoever publishes is told what is left.
func TestWhatCannotBeDeletedIsReportedAndDeletedLater(t *testing.T) {
	i, c := mounted.NewMeteredIntake(t, "--settle", "50ms")
	writeLong(i)
	i.Publish()
	refuse := blobserver.Fault{Operation: "Delete", Status: http.StatusForbidden, Code: "AuthorizationPermissionMismatch", Times: 1_000_000}
	c.Fail(refuse)
	harness.Must(t, os.Remove(i.Path("d/file")))
	harness.Clfsload(t, "publish", i.Point).MustExit(harness.ExitPermission).MustSay("still in the container: the blobs of 1 removed entry and", "replaced blob").MustBeOneLine()
	if s := i.Status(); s.Deleting.Removed != 1 || s.Deleting.Replaced == 0 {
		t.Errorf("status says %+v", s)
	}
	harness.Clfsload(t, "status", i.Point).MustExit(harness.ExitOK).MustSay("deleting", "the blobs of 1 removed entry")
	i.End(unix.SIGTERM).MustExit(harness.ExitIncomplete).MustSay("still in the container")
	harness.Clfsload(t, "status", i.State).MustExit(harness.ExitOK).MustSay("the blobs of 1 removed entry")
	c.Mend()
	i.Again("--settle", "50ms")
	i.EndsPublishedTo(c)
}
