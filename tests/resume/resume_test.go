package resume

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/tests/harness"
	"clfsload/tests/inventory"
	"clfsload/tests/trees"
)

func TestASignalStopsCleanlyAndTheLoadGoesOn(t *testing.T) {
	source := trees.Golden(t)
	for name, c := range map[string]struct {
		signal syscall.Signal
		code   int
	}{
		"SIGINT":  {syscall.SIGINT, harness.ExitInterrupted},
		"SIGTERM": {syscall.SIGTERM, harness.ExitTerminated},
	} {
		t.Run(name, func(t *testing.T) {
			before := trees.List(t, source)
			tr := harness.NewTransfer(t, source)
			r := harness.Command(t, tr.Begin("--concurrency", "1", "--preserve-hardlinks")).Start()
			harness.WaitForBlobs(r, tr.Blobs, 100)
			r.Command.Process.Signal(c.signal)
			r.Wait().MustExit(c.code).MustSay("without --new")
			harness.Clfsload(t, tr.Resume()...).MustExit(harness.ExitOK)
			trees.MustHold(t, before, trees.DirectoryBlobs(t, tr.Blobs), inventory.Full)
		})
	}
}

// A load is killed at one moment after another, each time a little further on,
// and ends with the container of a load that was left alone.
func TestAKilledLoadEndsWithTheSameContainer(t *testing.T) {
	source := trees.Golden(t)
	before := trees.List(t, source)
	tr := harness.NewTransfer(t, source)
	arguments := tr.Begin("--preserve-hardlinks")
	kills := 0
	for _, count := range []int{1, 2, 500, 1000, 1500, 2000, 2500, 3000, 3500, 4000, 4400, 4500} {
		r := harness.Command(t, arguments).Start()
		harness.WaitForBlobs(r, tr.Blobs, count)
		r.Command.Process.Kill()
		if r.Wait().Code == -1 {
			kills++
		}
		if _, err := os.Stat(tr.State); err == nil {
			arguments = tr.Resume()
		}
	}
	if kills == 0 {
		t.Error("no load was killed, all ended before")
	}
	harness.Clfsload(t, arguments...).MustExit(harness.ExitOK)
	trees.MustHold(t, before, trees.DirectoryBlobs(t, tr.Blobs), inventory.Full)
	harness.Clfsload(t, tr.Resume()...).MustExit(harness.ExitOK).MustSay("already complete")
}

func TestADiskTooFullForAStateIsRefusedAndNothingIsLeft(t *testing.T) {
	disk := harness.SmallDisk(t, "64k")
	harness.WriteFile(t, filepath.Join(disk, "ballast"), strings.Repeat("x", 60<<10))
	p := harness.NewPlaces(t)
	state := filepath.Join(disk, "state")
	harness.Clfsload(t, "load", "--new", state, p.Source, "dir:"+p.Blobs).MustExit(harness.ExitNoSpace).MustSay("space")
	harness.MustNotExist(t, state)
	harness.MustNotExist(t, p.Blobs)
}

func TestADiskThatFillsUnderTheStateIsToldAndTheLoadGoesOn(t *testing.T) {
	disk := harness.SmallDisk(t, "600k")
	source := trees.Golden(t)
	before := trees.List(t, source)
	tr := harness.NewTransfer(t, source)
	tr.State = filepath.Join(disk, "state")
	harness.Clfsload(t, tr.Begin()...).MustExit(harness.ExitNoSpace).MustSay("space")
	if err := unix.Mount("tmpfs", disk, "tmpfs", unix.MS_REMOUNT, "size=64m"); err != nil {
		t.Fatal(err)
	}
	arguments := tr.Resume()
	if _, err := os.Stat(tr.State); os.IsNotExist(err) {
		arguments = tr.Begin() // it was not begun, so nothing is to go on
	}
	harness.Clfsload(t, arguments...).MustExit(harness.ExitOK)
	scope := inventory.Full
	scope.HardLinks = false
	trees.MustHold(t, before, trees.DirectoryBlobs(t, tr.Blobs), scope)
}

func TestTwoLoadsDoNotShareAState(t *testing.T) {
	tr := harness.NewTransfer(t, trees.Golden(t))
	r := harness.Command(t, tr.Begin("--concurrency", "1")).Start()
	harness.WaitForBlobs(r, tr.Blobs, 100)
	harness.Clfsload(t, tr.Resume()...).MustExit(harness.ExitBusy).MustSay("another process")
	r.Wait().MustExit(harness.ExitOK)
}
