package tests

import "testing"

func TestTheNextMountMayBeginAsSoonAsUnmountReturns(t *testing.T) {
	i := newIntake(t)
	for range 8 {
		last := i.mount
		clfsload(t, "unmount", "--no-publish", i.point).mustExit(exitOK)
		i.again()
		last.await().mustExit(exitOK)
	}
}
