package mount

import (
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/tests/harness"
	"clfsload/tests/mounted"
	"clfsload/tests/trees"
)

// A stop waits only so long for a program that writes. What that had not written by then
// is missing, so the file must not pass for a whole one.
func TestAFileWhoseWriterAStopCutsOffIsIncomplete(t *testing.T) {
	t.Parallel()
	i := mounted.NewIntake(t)
	harness.WriteFile(t, i.Path("whole"), "all of it")
	half, err := os.Create(i.Path("half"))
	harness.Must(t, err)
	defer half.Close()
	_, err = half.WriteString("some")
	harness.Must(t, err)
	i.End(unix.SIGTERM).MustExit(harness.ExitIncomplete).MustSay("files were still open at the end", "half")
	i.Again()
	if paths := i.Status().IncompletePaths(); len(paths) != 1 || paths[0] != "half" {
		t.Errorf("incomplete: %q", paths)
	}
	harness.Clfsload(t, "publish", i.Point).MustExit(harness.ExitIncomplete).MustSay("half")
	tree := trees.Readable(t, i.Blobs())
	if _, found := tree["half"]; found || tree["whole"].Size != uint64(len("all of it")) {
		t.Errorf("published: %v", tree)
	}
	harness.WriteFile(t, i.Path("half"), "written again")
	i.Publish()
	i.MustBePublished()
}

// A container that was started while the mount was there has a copy of it, and does not
// let go. The mount ends all the same.
func TestAMountThatAnotherNamespaceHoldsEnds(t *testing.T) {
	commanded, signaled := mounted.NewIntake(t), mounted.NewIntake(t)
	both := []*mounted.Intake{commanded, signaled}
	for _, i := range both {
		harness.WriteFile(t, i.Path("file"), "contents")
	}
	// The mounts of other tests must not be held: they would not end.
	const hold = `awk -v own="$1" -v all="$2" 'index($5, all) == 1 && index($5, own) != 1 {print $5}' /proc/self/mountinfo |
xargs -r -n 1 umount -l; exec cat`
	other := exec.Command("unshare", "--mount", "--propagation", "private", "sh", "-c", hold, "sh", harness.DirectoriesOf(t), os.TempDir()+"/")
	input, err := other.StdinPipe()
	harness.Must(t, err)
	output, err := other.StdoutPipe()
	harness.Must(t, err)
	harness.Must(t, other.Start())
	_, err = input.Write([]byte("x"))
	harness.Must(t, err)
	_, err = output.Read(make([]byte, 1)) // now it is there
	harness.Must(t, err)
	harness.Must(t, signaled.Command.Process.Signal(unix.SIGTERM))
	harness.Clfsload(t, "unmount", commanded.Point).MustExit(harness.ExitOK)
	for _, i := range both {
		i.Await().MustExit(harness.ExitOK).MustSay("another mount namespace")
	}
	harness.Must(t, input.Close())
	harness.Must(t, other.Wait())
	for _, i := range both {
		trees.MustHold(t, trees.Readable(t, i.Blobs()), i.Blobs(), trees.AsMounted)
	}
}
