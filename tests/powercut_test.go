package tests

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"clfsload/tests/inventory"
)

// The disk of STATE loses its power at one moment after another.
func TestALoadGoesOnAfterAPowerCut(t *testing.T) {
	source := cutTree(t)
	flags := []string{"--preserve-hardlinks", "--memory", "64MiB"}
	_, all, _ := undisturbed(t, source, flags...)
	before := listTree(t, source)
	d := newDisk(t, 64<<20)
	c := newMeteredContainer(t)
	c.SetLatency(time.Millisecond)
	k := killedLoad{t: t, container: c, state: filepath.Join(d.mount, "state"), source: source, flags: flags}
	for _, share := range []int{0, 5, 20, 40, 60, 80, 95, 99, 100} {
		cutPower(d, k, max(all*share/100, 2))
	}
	clfsload(t, c.into(k.state, source, flags...)...).mustExit(exitOK)
	mustHold(t, before, c.inventory(), inventory.Full)
}

// cutPower runs a load until that many blobs were put and takes its disk away as
// it is then.
func cutPower(d *disk, k killedLoad, blobs int) {
	d.t.Helper()
	var snapshot []byte
	if res := freezeAt(k, blobs, func() { snapshot = d.snapshot() }); res != nil {
		d.t.Errorf("the load ended before %d blobs were put: exit code %d\n%s", blobs, res.code, clip(res.stderr))
		return
	}
	d.restore(snapshot)
	startAnew(d.t, k.state)
}

// The disk of STATE and container loses its power: what the journal calls done is
// in the container.
func TestALoadAndItsContainerGoOnAfterAPowerCut(t *testing.T) {
	source := cutTree(t)
	before := listTree(t, source)
	d := newDisk(t, 256<<20)
	tr := transfer{state: filepath.Join(d.mount, "state"), source: source, blobs: filepath.Join(d.mount, "container")}
	flags := []string{"--preserve-hardlinks", "--concurrency", "1"} // so that none is over too soon
	arguments := tr.begin(flags...)
	for _, blobs := range []int{1, 10, 100, 300, 500, 700, 800} {
		r := command(t, arguments).start()
		waitForBlobs(r, tr.blobs, blobs)
		if err := r.freeze(); err != nil {
			t.Fatal(err)
		}
		snapshot := d.snapshot()
		r.command.Process.Kill()
		if res := r.wait(); res.code != -1 {
			t.Errorf("ended before %d blobs: %d\n%s", blobs, res.code, res.stderr)
		}
		d.restore(snapshot)
		startAnew(t, tr.state)
		if _, err := os.Stat(filepath.Join(tr.state, "journal.sqlite")); err == nil {
			arguments = tr.resume(flags...)
		}
	}
	clfsload(t, arguments...).mustExit(exitOK)
	mustHold(t, before, directoryBlobs(t, tr.blobs), inventory.Full)
}
