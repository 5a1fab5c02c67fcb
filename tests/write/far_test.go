//go:build !race

package write

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/tests/harness"
	"clfsload/tests/mounted"
)

// mostForHuge is the memory that a mount with its default budget may have taken, in bytes.
const mostForHuge = 300 << 20

// A file's size costs nothing: what is written and what is uploaded of it does.
func TestOneUsersHugeSparseFilesDoNotEndTheMountForOthers(t *testing.T) {
	i := mounted.NewIntake(t, "--settle", "50ms")
	const far = 15 << 40 // ext4 takes files of almost 16 TiB
	f, err := os.OpenFile(i.Path("huge"), os.O_CREATE|os.O_RDWR, 0o644)
	harness.Must(t, err)
	harness.Must(t, unix.Fallocate(int(f.Fd()), 0, far, 1))
	harness.Must(t, f.Truncate(0))
	_, err = f.WriteAt([]byte("x"), far)
	harness.Must(t, err)
	harness.Must(t, f.Close())
	i.AwaitStatus("the upload begins", func(s mounted.IntakeStatus) bool { return s.Uploading.Entries == 1 })
	harness.Must(t, os.Remove(i.Path("huge")))
	harness.WriteFile(t, i.Path("small"), "of another user")
	i.Publish()
	if most := i.MostResident(); most == 0 || most > mostForHuge {
		t.Errorf("the mount has taken %d bytes, more than %d", most, mostForHuge)
	}
	harness.Clfsload(t, "unmount", i.Point).MustExit(harness.ExitOK)
	i.Await().MustExit(harness.ExitOK)
	harness.Clfsload(t, "cat", i.Target, "/small").MustExit(harness.ExitOK).MustSay("of another user")
}
