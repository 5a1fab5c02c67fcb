package tests

import (
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"clfsload/tests/blobserver"
	"clfsload/tests/inventory"
)

// stopped is a load that was ended in the middle by a signal.
func stopped(t *testing.T, signal syscall.Signal) (c *meteredContainer, source, state string, before inventory.Tree) {
	t.Helper()
	c, source, state = newMeteredContainer(t), modestTree(t), filepath.Join(t.TempDir(), "state")
	before = listTree(t, source)
	r := command(t, c.into(state, source, "--new"))
	c.await(moment{blobs: 30, stored: true, act: func() { r.signal(signal) }})
	r.start().wait()
	return c, source, state, before
}

func TestALoadHoldsTheLeaseOfTheContainerWhileItRuns(t *testing.T) {
	c, source, state := newMeteredContainer(t), modestTree(t), filepath.Join(t.TempDir(), "state")
	before := listTree(t, source)
	during := 0
	c.await(moment{blobs: 30, stored: true, act: func() { during = c.acquireForeign(t) }})
	clfsload(t, c.into(state, source, "--new")...).mustExit(exitOK)
	if during != http.StatusConflict {
		t.Errorf("another could lease the container: status %d", during)
	}
	if status := c.acquireForeign(t); status != http.StatusCreated {
		t.Errorf("afterwards another could not lease the container: status %d", status)
	}
	mustHold(t, before, c.inventory(), inventory.Full)
}

func TestASignalGivesTheLeaseBack(t *testing.T) {
	c, _, _, _ := stopped(t, syscall.SIGINT)
	if status := c.acquireForeign(t); status != http.StatusCreated {
		t.Errorf("status %d", status)
	}
}

func TestAKilledLoadTakesItsLeaseBackAtOnce(t *testing.T) {
	c, source, state, before := stopped(t, syscall.SIGKILL)
	if status := c.acquireForeign(t); status != http.StatusConflict {
		t.Fatalf("the killed load had no lease: status %d", status)
	}
	clfsload(t, c.into(state, source)...).mustExit(exitOK)
	mustHold(t, before, c.inventory(), inventory.Full)
}

func TestAContainerThatAnotherHasLeasedIsLeftAlone(t *testing.T) {
	c, source, state, before := stopped(t, syscall.SIGINT)
	c.acquireForeign(t)
	// Puts are counted as they arrive: one of the stopped load may still be under way.
	c.before(func(name string) { t.Errorf("%s was put", name) })
	clfsload(t, c.into(state, source)...).mustExit(exitBusy).mustSay("leased by another process", "within a minute")
	c.before(nil)
	c.lease(t, "release", "x-ms-lease-id", foreignLease)
	clfsload(t, c.into(state, source)...).mustExit(exitOK)
	mustHold(t, before, c.inventory(), inventory.Full)
}

func TestALoadWhoseLeaseWasTakenPublishesNothing(t *testing.T) {
	c, source, state := newMeteredContainer(t), modestTree(t), filepath.Join(t.TempDir(), "state")
	before := listTree(t, source)
	c.await(moment{blobs: 30, stored: true, act: func() {
		c.lease(t, "break", "x-ms-lease-break-period", "0")
		c.acquireForeign(t)
	}})
	clfsload(t, c.into(state, source, "--new")...).mustExit(exitBusy).mustSay("lease", "without --new")
	c.mustNotBePublished(t)
	clfsload(t, c.into(state, source)...).mustExit(exitBusy)
	c.lease(t, "release", "x-ms-lease-id", foreignLease)
	clfsload(t, c.into(state, source)...).mustExit(exitOK)
	mustHold(t, before, c.inventory(), inventory.Full)
}

// Nothing else would tell this load, whose requests all hang, that its lease is gone.
func TestALoadFindsOutByItselfThatItsLeaseWasBroken(t *testing.T) {
	t.Parallel()
	c, source, state := newMeteredContainer(t), modestTree(t), filepath.Join(t.TempDir(), "state")
	c.Fail(blobserver.Fault{Operation: "Put", Skip: 30, Times: 100_000, Hang: true})
	r := command(t, c.into(state, source, "--new")).start()
	for tick := time.NewTicker(5 * time.Millisecond); c.seen() < 40 && !r.ended(); <-tick.C {
	}
	c.lease(t, "break", "x-ms-lease-break-period", "0")
	r.wait().mustExit(exitBusy).mustSay("lease lost")
}

// waitForFile returns when a running load has made the file.
func waitForFile(r *run, path string) {
	r.t.Helper()
	for tick := time.NewTicker(2 * time.Millisecond); ; <-tick.C {
		if _, err := os.Lstat(path); err == nil {
			return
		}
		if r.ended() {
			r.t.Fatalf("%v ended and did not make %s\nstderr:\n%s", r.command.Args, path, clip(r.stderr.String()))
		}
	}
}

// secondCopyIsRefused kills a load, copies its STATE, and goes on with both at a time.
// into returns the arguments of a load with a STATE.
func secondCopyIsRefused(t *testing.T, into func(state string, flags ...string) []string, says string) {
	state := filepath.Join(t.TempDir(), "state")
	control := filepath.Join(state, "control.sock")
	begun := command(t, into(state, "--new", "--bandwidth-limit", "1M")).start()
	waitForFile(begun, control)
	begun.command.Process.Kill()
	begun.wait()
	if err := os.Remove(control); err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(copied, os.DirFS(state)); err != nil {
		t.Fatal(err)
	}
	first := command(t, into(state, "--bandwidth-limit", "1M")).start()
	waitForFile(first, control)
	// The other may have marked the container as its own by then.
	if res := clfsload(t, into(copied)...); res.code != exitState {
		res.mustExit(exitBusy).mustSay(says)
	}
	first.command.Process.Signal(syscall.SIGINT)
	first.wait().mustExit(exitInterrupted)
	clfsload(t, into(state)...).mustExit(exitOK)
}

func TestACopyOfAStateIsRefusedByTheDirectoryWhileTheOtherRuns(t *testing.T) {
	tr := newTransfer(t, modestTree(t))
	before := listTree(t, tr.source)
	secondCopyIsRefused(t, func(state string, flags ...string) []string {
		return append([]string{"load", state, tr.source, "dir:" + tr.blobs}, flags...)
	}, "leased by another process: process ")
	mustHold(t, before, directoryBlobs(t, tr.blobs), inventory.Full)
}

func TestACopyOfAStateIsRefusedByTheServiceWhileTheOtherRuns(t *testing.T) {
	c, source := newMeteredContainer(t), modestTree(t)
	before := listTree(t, source)
	secondCopyIsRefused(t, func(state string, flags ...string) []string {
		return c.into(state, source, flags...)
	}, "leased by another process")
	mustHold(t, before, c.inventory(), inventory.Full)
}
