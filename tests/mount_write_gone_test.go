package tests

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/clfs"
	"clfsload/tests/blobserver"
)

// goneSegments is how many segments the file has that is removed during its upload.
const goneSegments = 12

// waysToGo are what makes the upload of d/file useless.
var waysToGo = map[string]func(i *intake){
	"removed":                    func(i *intake) { must(i.t, os.Remove(i.path("d/file"))) },
	"removed with its directory": func(i *intake) { must(i.t, os.RemoveAll(i.path("d"))) },
	"emptied":                    func(i *intake) { must(i.t, os.Truncate(i.path("d/file"), 0)) },
	"cut":                        func(i *intake) { must(i.t, os.Truncate(i.path("d/file"), 100)) },
	"replaced": func(i *intake) {
		writeFile(i.t, i.path("d/new"), "new")
		must(i.t, os.Rename(i.path("d/new"), i.path("d/file")))
	},
}

// writeLong writes a file of many segments into the directory d.
func writeLong(i *intake) {
	i.t.Helper()
	writeFile(i.t, i.directory("d")+"/file", strings.Repeat("0123456789abcdef", goneSegments*clfs.SegmentBytes/16))
}

// awaitSegment returns when a segment of a file is being put.
func awaitSegment(c *meteredContainer) (put <-chan struct{}) {
	begun := make(chan struct{})
	c.before(func(name string) {
		if n, err := clfs.ParseName(name); err == nil && n.Type == clfs.TypeSegment {
			c.before(nil)
			close(begun)
		}
	})
	return begun
}

// At this rate all of the file would take minutes.
func TestAFileThatGoesDuringItsUploadIsNotUploadedAndLeavesNothing(t *testing.T) {
	for name, goes := range waysToGo {
		t.Run(name, func(t *testing.T) {
			i, c := newMeteredIntake(t, "--settle", "50ms", "--bandwidth-limit", "2MiB", "--compression", "DISABLED")
			begun := awaitSegment(c)
			writeLong(i)
			<-begun
			goes(i)
			i.endsPublishedTo(c)
			if _, segments := putsOf(c.taken()); segments > goneSegments/2 {
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
				i, c := newMeteredIntake(t, "--settle", "50ms")
				i.publish() // puts the root, and the bucket object before
				begun := awaitSegment(c)
				fault.Times = 1_000_000
				c.Fail(fault)
				writeLong(i)
				<-begun
				goes(i)
				i.awaitStatus("the outage is told", func(s intakeStatus) bool { return s.Trouble != nil })
				c.Mend()
				i.endsPublishedTo(c)
			})
		}
	}
}

func TestAFileThatGoesDuringItsUploadLeavesNothingThoughTheMountIsKilled(t *testing.T) {
	for name, goes := range waysToGo {
		t.Run(name, func(t *testing.T) {
			i, c := newMeteredIntake(t, "--settle", "50ms", "--bandwidth-limit", "20MiB", "--compression", "DISABLED")
			begun := awaitSegment(c)
			writeLong(i)
			<-begun
			goes(i)
			i.killed()
			i.again("--settle", "50ms")
			i.endsPublishedTo(c)
		})
	}
}

// A name less is not the end of a file, and what is written to a file without a name is
// nobody's but its writer's.
func TestAFileWithAnotherNameIsUploadedAndOneWithoutIsNot(t *testing.T) {
	i, c := newMeteredIntake(t, "--settle", "50ms", "--bandwidth-limit", "50MiB", "--compression", "DISABLED")
	begun := awaitSegment(c)
	writeLong(i)
	must(t, os.Link(i.path("d/file"), i.path("other")))
	<-begun
	must(t, os.Remove(i.path("d/file")))
	f, err := os.Create(i.path("nameless"))
	must(t, err)
	must(t, os.Remove(i.path("nameless")))
	_, err = f.Write(make([]byte, 5*clfs.SegmentBytes))
	must(t, err)
	i.publish()
	if _, segments := putsOf(c.taken()); segments < goneSegments || segments >= goneSegments+5 {
		t.Errorf("%d segments were put, want %d", segments, goneSegments)
	}
	must(t, f.Close())
	i.endsPublishedTo(c)
}

// When the service refuses to delete, whoever publishes is told what is left.
func TestWhatCannotBeDeletedIsReportedAndDeletedLater(t *testing.T) {
	i, c := newMeteredIntake(t, "--settle", "50ms")
	writeLong(i)
	i.publish()
	refuse := blobserver.Fault{Operation: "Delete", Status: http.StatusForbidden, Code: "AuthorizationPermissionMismatch", Times: 1_000_000}
	c.Fail(refuse)
	must(t, os.Remove(i.path("d/file")))
	clfsload(t, "publish", i.point).mustExit(exitPermission).mustSay("still in the container: the blobs of 1 removed entry and", "replaced blob").mustBeOneLine()
	if s := i.status(); s.Deleting.Removed != 1 || s.Deleting.Replaced == 0 {
		t.Errorf("status says %+v", s)
	}
	clfsload(t, "status", i.point).mustExit(exitOK).mustSay("deleting", "the blobs of 1 removed entry")
	i.end(unix.SIGTERM).mustExit(exitIncomplete).mustSay("still in the container")
	clfsload(t, "status", i.state).mustExit(exitOK).mustSay("the blobs of 1 removed entry")
	c.Mend()
	i.again("--settle", "50ms")
	i.endsPublishedTo(c)
}
