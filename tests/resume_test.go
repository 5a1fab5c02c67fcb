package tests

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/tests/inventory"
)

func TestASignalStopsCleanlyAndTheLoadGoesOn(t *testing.T) {
	source := goldenTree(t)
	for name, c := range map[string]struct {
		signal syscall.Signal
		code   int
	}{
		"SIGINT":  {syscall.SIGINT, exitInterrupted},
		"SIGTERM": {syscall.SIGTERM, exitTerminated},
	} {
		t.Run(name, func(t *testing.T) {
			before := listTree(t, source)
			tr := newTransfer(t, source)
			r := command(t, tr.begin("--concurrency", "1", "--preserve-hardlinks")).start()
			waitForBlobs(r, tr.blobs, 100)
			r.command.Process.Signal(c.signal)
			r.wait().mustExit(c.code).mustSay("without --new")
			clfsload(t, tr.resume()...).mustExit(exitOK)
			mustHold(t, before, directoryBlobs(t, tr.blobs), inventory.Full)
		})
	}
}

// A load is killed at one moment after another, each time a little further on,
// and ends with the container of a load that was left alone.
func TestAKilledLoadEndsWithTheSameContainer(t *testing.T) {
	source := goldenTree(t)
	before := listTree(t, source)
	tr := newTransfer(t, source)
	arguments := tr.begin("--preserve-hardlinks")
	kills := 0
	for _, count := range []int{1, 2, 500, 1000, 1500, 2000, 2500, 3000, 3500, 4000, 4400, 4500} {
		r := command(t, arguments).start()
		waitForBlobs(r, tr.blobs, count)
		r.command.Process.Kill()
		if r.wait().code == -1 {
			kills++
		}
		if _, err := os.Stat(tr.state); err == nil {
			arguments = tr.resume()
		}
	}
	if kills == 0 {
		t.Error("no load was killed, all ended before")
	}
	clfsload(t, arguments...).mustExit(exitOK)
	mustHold(t, before, directoryBlobs(t, tr.blobs), inventory.Full)
	clfsload(t, tr.resume()...).mustExit(exitOK).mustSay("already complete")
}

func TestADiskTooFullForAStateIsRefusedAndNothingIsLeft(t *testing.T) {
	disk := smallDisk(t, "64k")
	writeFile(t, filepath.Join(disk, "ballast"), strings.Repeat("x", 60<<10))
	p := newPlaces(t)
	state := filepath.Join(disk, "state")
	clfsload(t, "load", "--new", state, p.source, "dir:"+p.blobs).mustExit(exitNoSpace).mustSay("space")
	mustNotExist(t, state)
	mustNotExist(t, p.blobs)
}

func TestADiskThatFillsUnderTheStateIsToldAndTheLoadGoesOn(t *testing.T) {
	disk := smallDisk(t, "600k")
	source := goldenTree(t)
	before := listTree(t, source)
	tr := newTransfer(t, source)
	tr.state = filepath.Join(disk, "state")
	clfsload(t, tr.begin()...).mustExit(exitNoSpace).mustSay("space")
	if err := unix.Mount("tmpfs", disk, "tmpfs", unix.MS_REMOUNT, "size=64m"); err != nil {
		t.Fatal(err)
	}
	arguments := tr.resume()
	if _, err := os.Stat(tr.state); os.IsNotExist(err) {
		arguments = tr.begin() // it was not begun, so nothing is to go on
	}
	clfsload(t, arguments...).mustExit(exitOK)
	scope := inventory.Full
	scope.HardLinks = false
	mustHold(t, before, directoryBlobs(t, tr.blobs), scope)
}

func TestTwoLoadsDoNotShareAState(t *testing.T) {
	tr := newTransfer(t, goldenTree(t))
	r := command(t, tr.begin("--concurrency", "1")).start()
	waitForBlobs(r, tr.blobs, 100)
	clfsload(t, tr.resume()...).mustExit(exitBusy).mustSay("another process")
	r.wait().mustExit(exitOK)
}
