package tests

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// A stop waits only so long for a program that writes. What that had not written by then
// is missing, so the file must not pass for a whole one.
func TestAFileWhoseWriterAStopCutsOffIsIncomplete(t *testing.T) {
	i := newIntake(t)
	writeFile(t, i.path("whole"), "all of it")
	half, err := os.Create(i.path("half"))
	must(t, err)
	defer half.Close()
	_, err = half.WriteString("some")
	must(t, err)
	i.end(unix.SIGTERM).mustExit(exitIncomplete).mustSay("files were still open at the end", "half")
	i.again()
	if paths := i.status().incomplete(); len(paths) != 1 || paths[0] != "half" {
		t.Errorf("incomplete: %q", paths)
	}
	clfsload(t, "publish", i.point).mustExit(exitIncomplete).mustSay("half")
	tree := readable(t, i.blobs())
	if _, found := tree["half"]; found || tree["whole"].Size != uint64(len("all of it")) {
		t.Errorf("published: %v", tree)
	}
	writeFile(t, i.path("half"), "written again")
	i.publish()
	i.mustBePublished()
}
