package tests

import (
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"
)

// A stop waits only so long for a program that writes. What that had not written by then
// is missing, so the file must not pass for a whole one.
func TestAFileWhoseWriterAStopCutsOffIsIncomplete(t *testing.T) {
	t.Parallel()
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

// A container that was started while the mount was there has a copy of it, and does not
// let go. The mount ends all the same.
func TestAMountThatAnotherNamespaceHoldsEnds(t *testing.T) {
	commanded, signalled := newIntake(t), newIntake(t)
	both := []*intake{commanded, signalled}
	for _, i := range both {
		writeFile(t, i.path("file"), "contents")
	}
	other := exec.Command("unshare", "--mount", "--propagation", "private", "cat")
	input, err := other.StdinPipe()
	must(t, err)
	output, err := other.StdoutPipe()
	must(t, err)
	must(t, other.Start())
	_, err = input.Write([]byte("x"))
	must(t, err)
	_, err = output.Read(make([]byte, 1)) // now it is there
	must(t, err)
	must(t, signalled.command.Process.Signal(unix.SIGTERM))
	clfsload(t, "unmount", commanded.point).mustExit(exitOK)
	for _, i := range both {
		i.await().mustExit(exitOK).mustSay("another mount namespace")
	}
	must(t, input.Close())
	must(t, other.Wait())
	for _, i := range both {
		mustHold(t, readable(t, i.blobs()), i.blobs(), asMounted)
	}
}
