package resume

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"clfsload/tests/harness"
	"clfsload/tests/inventory"
	"clfsload/tests/remote"
	"clfsload/tests/trees"
)

// The disk of STATE loses its power at one moment after another.
func TestALoadGoesOnAfterAPowerCut(t *testing.T) {
	source := trees.CutTree(t)
	flags := []string{"--preserve-hardlinks", "--memory", "64MiB"}
	_, all, _ := undisturbed(t, source, flags...)
	before := trees.List(t, source)
	d := harness.NewDisk(t, 64<<20)
	c := remote.NewMetered(t)
	c.SetLatency(time.Millisecond)
	k := remote.Killed{T: t, Container: c, State: filepath.Join(d.Mount, "state"), Source: source, Flags: flags}
	for _, share := range []int{0, 5, 20, 40, 60, 80, 95, 99, 100} {
		cutPower(d, k, max(all*share/100, 2))
	}
	harness.Clfsload(t, c.Into(k.State, source, flags...)...).MustExit(harness.ExitOK)
	trees.MustHold(t, before, c.Inventory(), inventory.Full)
}

// cutPower runs a load until that many blobs were put and takes its disk away as
// it is then.
func cutPower(d *harness.Disk, k remote.Killed, blobs int) {
	d.T.Helper()
	var snapshot []byte
	if res := freezeAt(k, blobs, func() { snapshot = d.Snapshot() }); res != nil {
		d.T.Errorf("the load ended before %d blobs were put: exit code %d\n%s", blobs, res.Code, harness.Clip(res.Stderr))
		return
	}
	d.Restore(snapshot)
	harness.StartAnew(d.T, k.State)
}

// The disk of STATE and container loses its power: what the journal calls done is
// in the container.
func TestALoadAndItsContainerGoOnAfterAPowerCut(t *testing.T) {
	source := trees.CutTree(t)
	before := trees.List(t, source)
	d := harness.NewDisk(t, 256<<20)
	tr := harness.Transfer{State: filepath.Join(d.Mount, "state"), Source: source, Blobs: filepath.Join(d.Mount, "container")}
	flags := []string{"--preserve-hardlinks", "--concurrency", "1"} // so that none is over too soon
	arguments := tr.Begin(flags...)
	for _, blobs := range []int{1, 10, 100, 300, 500, 700, 800} {
		r := harness.Command(t, arguments).Start()
		harness.WaitForBlobs(r, tr.Blobs, blobs)
		if err := r.Freeze(); err != nil {
			t.Fatal(err)
		}
		snapshot := d.Snapshot()
		r.Command.Process.Kill()
		if res := r.Wait(); res.Code != -1 {
			t.Errorf("ended before %d blobs: %d\n%s", blobs, res.Code, res.Stderr)
		}
		d.Restore(snapshot)
		harness.StartAnew(t, tr.State)
		if _, err := os.Stat(filepath.Join(tr.State, "journal.sqlite")); err == nil {
			arguments = tr.Resume(flags...)
		}
	}
	harness.Clfsload(t, arguments...).MustExit(harness.ExitOK)
	trees.MustHold(t, before, trees.DirectoryBlobs(t, tr.Blobs), inventory.Full)
}
