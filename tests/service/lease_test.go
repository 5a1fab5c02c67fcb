package service

import (
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"clfsload/tests/blobserver"
	"clfsload/tests/harness"
	"clfsload/tests/inventory"
	"clfsload/tests/remote"
	"clfsload/tests/trees"
)

// stopped is a load that was ended in the middle by a signal.
func stopped(t *testing.T, signal syscall.Signal) (c *remote.Metered, source, state string, before inventory.Tree) {
	t.Helper()
	c, source, state = remote.NewMetered(t), trees.ModestTree(t), filepath.Join(t.TempDir(), "state")
	before = trees.List(t, source)
	r := harness.Command(t, c.Into(state, source, "--new"))
	c.Await(remote.Moment{Blobs: 30, Stored: true, Act: func() { r.Signal(signal) }})
	r.Start().Wait()
	return c, source, state, before
}

func TestALoadHoldsTheLeaseOfTheContainerWhileItRuns(t *testing.T) {
	c, source, state := remote.NewMetered(t), trees.ModestTree(t), filepath.Join(t.TempDir(), "state")
	before := trees.List(t, source)
	during := 0
	c.Await(remote.Moment{Blobs: 30, Stored: true, Act: func() { during = c.AcquireForeign(t) }})
	harness.Clfsload(t, c.Into(state, source, "--new")...).MustExit(harness.ExitOK)
	if during != http.StatusConflict {
		t.Errorf("another could lease the container: status %d", during)
	}
	if status := c.AcquireForeign(t); status != http.StatusCreated {
		t.Errorf("afterwards another could not lease the container: status %d", status)
	}
	trees.MustHold(t, before, c.Inventory(), inventory.Full)
}

func TestASignalGivesTheLeaseBack(t *testing.T) {
	c, _, _, _ := stopped(t, syscall.SIGINT)
	if status := c.AcquireForeign(t); status != http.StatusCreated {
		t.Errorf("status %d", status)
	}
}

func TestAKilledLoadTakesItsLeaseBackAtOnce(t *testing.T) {
	c, source, state, before := stopped(t, syscall.SIGKILL)
	if status := c.AcquireForeign(t); status != http.StatusConflict {
		t.Fatalf("the killed load had no lease: status %d", status)
	}
	harness.Clfsload(t, c.Into(state, source)...).MustExit(harness.ExitOK)
	trees.MustHold(t, before, c.Inventory(), inventory.Full)
}

func TestAContainerThatAnotherHasLeasedIsLeftAlone(t *testing.T) {
	c, source, state, before := stopped(t, syscall.SIGINT)
	c.AcquireForeign(t)
	// Puts are counted as they arrive: one of the stopped load may still be under way.
	c.Before(func(name string) { t.Errorf("%s was put", name) })
	harness.Clfsload(t, c.Into(state, source)...).MustExit(harness.ExitBusy).MustSay("leased by another process", "within a minute")
	c.Before(nil)
	c.Lease(t, "release", "x-ms-lease-id", remote.ForeignLease)
	harness.Clfsload(t, c.Into(state, source)...).MustExit(harness.ExitOK)
	trees.MustHold(t, before, c.Inventory(), inventory.Full)
}

func TestALoadWhoseLeaseWasTakenPublishesNothing(t *testing.T) {
	c, source, state := remote.NewMetered(t), trees.ModestTree(t), filepath.Join(t.TempDir(), "state")
	before := trees.List(t, source)
	c.Await(remote.Moment{Blobs: 30, Stored: true, Act: func() {
		c.Lease(t, "break", "x-ms-lease-break-period", "0")
		c.AcquireForeign(t)
	}})
	harness.Clfsload(t, c.Into(state, source, "--new")...).MustExit(harness.ExitBusy).MustSay("lease", "without --new")
	c.MustNotBePublished(t)
	harness.Clfsload(t, c.Into(state, source)...).MustExit(harness.ExitBusy)
	c.Lease(t, "release", "x-ms-lease-id", remote.ForeignLease)
	harness.Clfsload(t, c.Into(state, source)...).MustExit(harness.ExitOK)
	trees.MustHold(t, before, c.Inventory(), inventory.Full)
}

// Nothing else would tell this load, whose requests all hang, that its lease is gone.
func TestALoadFindsOutByItselfThatItsLeaseWasBroken(t *testing.T) {
	t.Parallel()
	c, source, state := remote.NewMetered(t), trees.ModestTree(t), filepath.Join(t.TempDir(), "state")
	c.Fail(blobserver.Fault{Operation: "Put", Skip: 30, Times: 100_000, Hang: true})
	r := harness.Command(t, c.Into(state, source, "--new")).Start()
	for tick := time.NewTicker(5 * time.Millisecond); c.Seen() < 40 && !r.Ended(); <-tick.C {
	}
	c.Lease(t, "break", "x-ms-lease-break-period", "0")
	r.Wait().MustExit(harness.ExitBusy).MustSay("lease lost")
}

// waitForFile returns when a running load has made the file.
func waitForFile(r *harness.Run, path string) {
	r.T.Helper()
	for tick := time.NewTicker(2 * time.Millisecond); ; <-tick.C {
		if _, err := os.Lstat(path); err == nil {
			return
		}
		if r.Ended() {
			r.T.Fatalf("%v ended and did not make %s\nstderr:\n%s", r.Command.Args, path, harness.Clip(r.Stderr.String()))
		}
	}
}

// secondCopyIsRefused kills a load, copies its STATE, and goes on with both at a time.
// into returns the arguments of a load with a STATE.
func secondCopyIsRefused(t *testing.T, into func(state string, flags ...string) []string, says string) {
	state := filepath.Join(t.TempDir(), "state")
	control := filepath.Join(state, "control.sock")
	begun := harness.Command(t, into(state, "--new", "--bandwidth-limit", "1M")).Start()
	waitForFile(begun, control)
	begun.Command.Process.Kill()
	begun.Wait()
	if err := os.Remove(control); err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(copied, os.DirFS(state)); err != nil {
		t.Fatal(err)
	}
	first := harness.Command(t, into(state, "--bandwidth-limit", "1M")).Start()
	waitForFile(first, control)
	// The other may have marked the container as its own by then.
	if res := harness.Clfsload(t, into(copied)...); res.Code != harness.ExitState {
		res.MustExit(harness.ExitBusy).MustSay(says)
	}
	first.Command.Process.Signal(syscall.SIGINT)
	first.Wait().MustExit(harness.ExitInterrupted)
	harness.Clfsload(t, into(state)...).MustExit(harness.ExitOK)
}

func TestACopyOfAStateIsRefusedByTheDirectoryWhileTheOtherRuns(t *testing.T) {
	tr := harness.NewTransfer(t, trees.ModestTree(t))
	before := trees.List(t, tr.Source)
	secondCopyIsRefused(t, func(state string, flags ...string) []string {
		return append([]string{"load", state, tr.Source, "dir:" + tr.Blobs}, flags...)
	}, "leased by another process: process ")
	trees.MustHold(t, before, trees.DirectoryBlobs(t, tr.Blobs), inventory.Full)
}

func TestACopyOfAStateIsRefusedByTheServiceWhileTheOtherRuns(t *testing.T) {
	c, source := remote.NewMetered(t), trees.ModestTree(t)
	before := trees.List(t, source)
	secondCopyIsRefused(t, func(state string, flags ...string) []string {
		return c.Into(state, source, flags...)
	}, "leased by another process")
	trees.MustHold(t, before, c.Inventory(), inventory.Full)
}
