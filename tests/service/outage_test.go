package service

import (
	"net/http"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/tests/blobserver"
	"clfsload/tests/harness"
	"clfsload/tests/inventory"
	"clfsload/tests/remote"
	"clfsload/tests/trees"
)

// disturbed loads a tree into a container whose requests meet faults, and wants the
// container of an undisturbed load.
func disturbed(t *testing.T, faults []blobserver.Fault, flags ...string) {
	t.Helper()
	source := trees.ModestTree(t)
	before := trees.List(t, source)
	c := remote.NewMetered(t)
	c.Fail(faults...)
	arguments := append(c.Into(filepath.Join(t.TempDir(), "state"), source, "--new"), flags...)
	harness.Clfsload(t, arguments...).MustExit(harness.ExitOK)
	c.Check(t)
	trees.MustHold(t, before, c.Inventory(), inventory.Full)
}

func TestTemporaryFailuresDoNotChangeTheContainer(t *testing.T) {
	for name, fault := range map[string]blobserver.Fault{
		"429":                       {Status: http.StatusTooManyRequests, Code: "TooManyRequests"},
		"500":                       {Status: http.StatusInternalServerError, Code: "InternalError"},
		"502 without a code":        {Status: http.StatusBadGateway},
		"503 busy":                  {Status: http.StatusServiceUnavailable, Code: "ServerBusy"},
		"503 without a code":        {Status: http.StatusServiceUnavailable},
		"504":                       {Status: http.StatusGatewayTimeout},
		"service's time-out":        {Status: http.StatusInternalServerError, Code: "OperationTimedOut"},
		"damaged on the way":        {Status: http.StatusBadRequest, Code: "Md5Mismatch"},
		"500 after it was done":     {Status: http.StatusInternalServerError, Code: "InternalError", After: true},
		"connection cut":            {Cut: true},
		"connection cut afterwards": {Cut: true, After: true},
		"no answer":                 {Hang: true},
		"no answer afterwards":      {Hang: true, After: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var faults []blobserver.Fault
			for operation, times := range map[string]int{"Get": 1, "List": 1, "Lease": 1} {
				f := fault
				f.Operation, f.Times = operation, times
				faults = append(faults, f)
			}
			fault.Operation, fault.Skip, fault.Times = "Put", 5, 20 // 5: while many are in flight
			faults = append(faults, fault)
			disturbed(t, faults, "--request-timeout", "1s")
		})
	}
}

func TestAnOutageLongerThanRetriesEndsResumable(t *testing.T) {
	t.Parallel()
	source := trees.ModestTree(t)
	before := trees.List(t, source)
	c := remote.NewMetered(t)
	state := filepath.Join(t.TempDir(), "state")
	c.Fail(blobserver.Fault{Operation: "Put", Skip: 30, Times: 100_000, Cut: true})
	harness.Clfsload(t, c.Into(state, source, "--new", "--retry-for", "2s")...).MustExit(harness.ExitUnreachable).MustSay("tried", "run the same command again")
	c.Mend()
	harness.Clfsload(t, c.Into(state, source)...).MustExit(harness.ExitOK)
	trees.MustHold(t, before, c.Inventory(), inventory.Full)
}

func TestAContainerThatVanishesStopsTheLoadAtOnce(t *testing.T) {
	source := trees.ModestTree(t)
	c := remote.NewMetered(t)
	c.Await(remote.Moment{Blobs: 30, Stored: true, Act: func() { c.Do(t, http.MethodDelete, "?restype=container", nil) }})
	state := filepath.Join(t.TempDir(), "state")
	harness.Clfsload(t, c.Into(state, source, "--new")...).MustExit(harness.ExitNoContainer).MustSay("container does not exist")
	harness.Clfsload(t, c.Into(state, source)...).MustExit(harness.ExitNoContainer)
}

func TestAFullTargetStopsTheLoadWhichGoesOnLater(t *testing.T) {
	source := trees.ModestTree(t)
	before := trees.List(t, source)
	tr := harness.NewTransfer(t, source)
	disk := harness.SmallDisk(t, "8m")
	tr.Blobs = filepath.Join(disk, "container")
	harness.Clfsload(t, tr.Begin()...).MustExit(harness.ExitNoSpace).MustSay("no space left")
	if err := unix.Mount("tmpfs", disk, "tmpfs", unix.MS_REMOUNT, "size=100m"); err != nil {
		t.Fatal(err)
	}
	harness.Clfsload(t, tr.Resume()...).MustExit(harness.ExitOK)
	trees.MustHold(t, before, trees.DirectoryBlobs(t, tr.Blobs), inventory.Full)
}
