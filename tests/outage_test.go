package tests

import (
	"net/http"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/tests/blobserver"
	"clfsload/tests/inventory"
)

// disturbed loads a tree into a container whose requests meet faults, and wants the
// container of an undisturbed load.
func disturbed(t *testing.T, faults []blobserver.Fault, flags ...string) {
	t.Helper()
	source := modestTree(t)
	before := listTree(t, source)
	c := newMeteredContainer(t)
	c.Fail(faults...)
	arguments := append(c.into(filepath.Join(t.TempDir(), "state"), source, "--new"), flags...)
	clfsload(t, arguments...).mustExit(exitOK)
	c.Check(t)
	mustHold(t, before, c.inventory(), inventory.Full)
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
	source := modestTree(t)
	before := listTree(t, source)
	c := newMeteredContainer(t)
	state := filepath.Join(t.TempDir(), "state")
	c.Fail(blobserver.Fault{Operation: "Put", Skip: 30, Times: 100_000, Cut: true})
	clfsload(t, c.into(state, source, "--new", "--retry-for", "2s")...).mustExit(exitUnreachable).mustSay("tried", "run the same command again")
	c.Mend()
	clfsload(t, c.into(state, source)...).mustExit(exitOK)
	mustHold(t, before, c.inventory(), inventory.Full)
}

func TestAContainerThatVanishesStopsTheLoadAtOnce(t *testing.T) {
	source := modestTree(t)
	c := newMeteredContainer(t)
	c.await(moment{blobs: 30, stored: true, act: func() { c.do(t, http.MethodDelete, "?restype=container", nil) }})
	state := filepath.Join(t.TempDir(), "state")
	clfsload(t, c.into(state, source, "--new")...).mustExit(exitNoContainer).mustSay("container does not exist")
	clfsload(t, c.into(state, source)...).mustExit(exitNoContainer)
}

func TestAFullTargetStopsTheLoadWhichGoesOnLater(t *testing.T) {
	source := modestTree(t)
	before := listTree(t, source)
	tr := newTransfer(t, source)
	disk := smallDisk(t, "8m")
	tr.blobs = filepath.Join(disk, "container")
	clfsload(t, tr.begin()...).mustExit(exitNoSpace).mustSay("no space left")
	if err := unix.Mount("tmpfs", disk, "tmpfs", unix.MS_REMOUNT, "size=100m"); err != nil {
		t.Fatal(err)
	}
	clfsload(t, tr.resume()...).mustExit(exitOK)
	mustHold(t, before, directoryBlobs(t, tr.blobs), inventory.Full)
}
