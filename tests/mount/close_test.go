package mount

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"clfsload/tests/harness"
	"clfsload/tests/mounted"
	"clfsload/tests/trees"
)

// A descriptor that a process has copied is closed once and open still: `echo` in a
// shell does that to one that `exec` has opened.
func TestAFileThatAShellKeepsOpenIsSaidToBeOpen(t *testing.T) {
	i := mounted.NewIntake(t, mounted.LongSettle...)
	path, err := harness.Binary()
	harness.Must(t, err)
	for _, command := range []string{"flush", "publish"} {
		shell := exec.CommandContext(t.Context(), "sh", "-c", `exec 3>"$2/f"; echo x >&3; "$0" "$1" "$2"`, path, command, i.Point)
		out, err := shell.CombinedOutput()
		if shell.ProcessState.ExitCode() != harness.ExitIncomplete || !strings.Contains(string(out), "f: open for writing") {
			t.Errorf("%s: %v\n%s", command, err, out)
		}
	}
	i.Publish()
	i.MustBePublished()
}

// What was removed and kept open is gone from the container when the mount is, however
// late the last close came.
func TestFilesThatAreRemovedAndClosedRightBeforeUnmountLeaveNoBlobs(t *testing.T) {
	i := mounted.NewIntake(t, mounted.LongSettle...)
	var open []*os.File
	for n := range 50 {
		name := i.Path("gone-" + strings.Repeat("x", n))
		harness.WriteFile(t, name, "x")
		f, err := os.Open(name)
		harness.Must(t, err)
		defer f.Close()
		open = append(open, f)
	}
	i.Publish()
	for _, f := range open {
		harness.Must(t, os.Remove(f.Name()))
	}
	i.Publish()
	before := trees.List(t, i.Point)
	for _, f := range open {
		harness.Must(t, f.Close())
	}
	harness.Clfsload(t, "unmount", i.Point).MustExit(harness.ExitOK)
	i.Await().MustExit(harness.ExitOK)
	trees.MustHold(t, before, i.Blobs(), trees.AsMounted)
	harness.Clfsload(t, "verify", i.Target).MustExit(harness.ExitOK)
}
