package write

import (
	"path/filepath"
	"testing"

	"github.com/hanwen/go-fuse/v2/posixtest"

	"clfsload/tests/mounted"
)

// The tests of go-fuse for what POSIX asks of a file system. (Those of extended
// attributes find that there are none, which TestWhatCLFSCannotHoldIsRefused holds.)
func TestAWritableMountPassesThePOSIXTestsOfGoFuse(t *testing.T) {
	i := mounted.NewIntake(t)
	// FcntlFlockLocksFile wants a process to be shut out by a lock of its own, which
	// POSIX does not let happen; go-fuse leaves it out for the file systems of Linux
	// too. TestLocksShutOthersOut is about locks.
	delete(posixtest.All, "FcntlFlockLocksFile")
	if len(posixtest.All) < 30 {
		t.Fatalf("there are %d tests only", len(posixtest.All))
	}
	for name, test := range posixtest.All {
		t.Run(name, func(t *testing.T) { test(t, i.Directory(filepath.Base(t.Name()))) })
	}
}
