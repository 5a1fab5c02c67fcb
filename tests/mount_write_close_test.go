package tests

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// A descriptor that a process has copied is closed once and open still: `echo` in a
// shell does that to one that `exec` has opened.
func TestAFileThatAShellKeepsOpenIsSaidToBeOpen(t *testing.T) {
	i := newIntake(t, longSettle...)
	path, err := binary()
	must(t, err)
	for _, command := range []string{"flush", "publish"} {
		shell := exec.CommandContext(t.Context(), "sh", "-c", `exec 3>"$2/f"; echo x >&3; "$0" "$1" "$2"`, path, command, i.point)
		out, err := shell.CombinedOutput()
		if shell.ProcessState.ExitCode() != exitIncomplete || !strings.Contains(string(out), "f: open for writing") {
			t.Errorf("%s: %v\n%s", command, err, out)
		}
	}
	i.publish()
	i.mustBePublished()
}

// What was removed and kept open is gone from the container when the mount is, however
// late the last close came.
func TestFilesThatAreRemovedAndClosedRightBeforeUnmountLeaveNoBlobs(t *testing.T) {
	i := newIntake(t, longSettle...)
	var open []*os.File
	for n := range 50 {
		name := i.path("gone-" + strings.Repeat("x", n))
		writeFile(t, name, "x")
		f, err := os.Open(name)
		must(t, err)
		defer f.Close()
		open = append(open, f)
	}
	i.publish()
	for _, f := range open {
		must(t, os.Remove(f.Name()))
	}
	i.publish()
	before := listTree(t, i.point)
	for _, f := range open {
		must(t, f.Close())
	}
	clfsload(t, "unmount", i.point).mustExit(exitOK)
	i.await().mustExit(exitOK)
	mustHold(t, before, i.blobs(), asMounted)
	clfsload(t, "verify", i.target).mustExit(exitOK)
}
