package mount

import (
	"testing"

	"clfsload/tests/harness"
	"clfsload/tests/mounted"
)

func TestTheNextMountMayBeginAsSoonAsUnmountReturns(t *testing.T) {
	i := mounted.NewIntake(t)
	for range 8 {
		last := i.Mount
		harness.Clfsload(t, "unmount", "--no-publish", i.Point).MustExit(harness.ExitOK)
		i.Again()
		last.Await().MustExit(harness.ExitOK)
	}
}
