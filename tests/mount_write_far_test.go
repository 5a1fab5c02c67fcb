//go:build !race

package tests

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// mostForHuge is the memory that a mount with its default budget may have taken, in bytes.
const mostForHuge = 300 << 20

// A file's size costs nothing: what is written and what is uploaded of it does.
func TestOneUsersHugeSparseFilesDoNotEndTheMountForOthers(t *testing.T) {
	i := newIntake(t, "--settle", "50ms")
	const far = 15 << 40 // ext4 takes files of almost 16 TiB
	f, err := os.OpenFile(i.path("huge"), os.O_CREATE|os.O_RDWR, 0o644)
	must(t, err)
	must(t, unix.Fallocate(int(f.Fd()), 0, far, 1))
	must(t, f.Truncate(0))
	_, err = f.WriteAt([]byte("x"), far)
	must(t, err)
	must(t, f.Close())
	i.awaitStatus("the upload begins", func(s intakeStatus) bool { return s.Uploading.Entries == 1 })
	must(t, os.Remove(i.path("huge")))
	writeFile(t, i.path("small"), "of another user")
	i.publish()
	if most := i.mostResident(); most == 0 || most > mostForHuge {
		t.Errorf("the mount has taken %d bytes, more than %d", most, mostForHuge)
	}
	clfsload(t, "unmount", i.point).mustExit(exitOK)
	i.await().mustExit(exitOK)
	clfsload(t, "cat", i.target, "/small").mustExit(exitOK).mustSay("of another user")
}
