package load

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/tests/harness"
	"clfsload/tests/trees"
)

// The sizes of such files say nothing: they must be neither loaded as empty, nor called
// changed, and reading some of them never ends.
func TestFilesThatTheKernelGeneratesFailAndSayWhatTheyAre(t *testing.T) {
	p := harness.NewPlaces(t)
	harness.PrivateMounts(t)
	harness.WriteFile(t, filepath.Join(p.Source, "ordinary"), "x")
	bind := func(from, name string) {
		to := filepath.Join(p.Source, name)
		harness.WriteFile(t, to, "")
		harness.Must(t, unix.Mount(from, to, "", unix.MS_BIND, ""))
		t.Cleanup(func() { _ = unix.Unmount(to, unix.MNT_DETACH) })
	}
	bind("/proc/version", "size 0 with contents")
	bind("/sys/kernel/uevent_seqnum", "size 4096 with less")
	bind("/proc/kmsg", "waits for a reader")
	res := harness.Clfsload(t, "load", "--new", p.State, p.Source, "dir:"+p.Blobs).MustExit(harness.ExitIncomplete).
		MustSay("size 0 with contents: read: it is on a file system of type proc", "size 4096 with less: read: it is on a file system of type sysfs",
			"waits for a reader: read: it is on a file system of type proc", "exclude it")
	if strings.Contains(res.Stderr+res.Stdout, "changed") {
		t.Errorf("says that something has changed:\n%s", res.Stderr)
	}
	trees.MustNotBePublished(t, p.Blobs)
	harness.Clfsload(t, "load", "--dry-run", p.State, p.Source, "dir:"+p.Blobs).MustExit(harness.ExitOK).MustSay("unreadable         3", "type sysfs")
	harness.Must(t, os.RemoveAll(p.State))
	harness.Must(t, os.RemoveAll(p.Blobs))
	harness.Clfsload(t, "load", "--new", "--exclude", "size*", "--exclude", "waits*", p.State, p.Source, "dir:"+p.Blobs).MustExit(harness.ExitOK)
}

// What the filter does not take is no failure.
func TestFilesThatTheKernelGeneratesAndTheFilterLeavesOutAreNoFailures(t *testing.T) {
	p := harness.NewPlaces(t)
	harness.Clfsload(t, "load", "--new", "--include", "*.none", p.State, "/proc/sys/kernel/random", "dir:"+p.Blobs).MustExit(harness.ExitOK)
}
