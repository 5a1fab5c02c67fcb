package tests

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// The sizes of such files say nothing: they must be neither loaded as empty, nor called
// changed, and reading some of them never ends.
func TestFilesThatTheKernelGeneratesFailAndSayWhatTheyAre(t *testing.T) {
	p := newPlaces(t)
	privateMounts(t)
	writeFile(t, filepath.Join(p.source, "ordinary"), "x")
	bind := func(from, name string) {
		to := filepath.Join(p.source, name)
		writeFile(t, to, "")
		must(t, unix.Mount(from, to, "", unix.MS_BIND, ""))
		t.Cleanup(func() { _ = unix.Unmount(to, unix.MNT_DETACH) })
	}
	bind("/proc/version", "size 0 with contents")
	bind("/sys/kernel/uevent_seqnum", "size 4096 with less")
	bind("/proc/kmsg", "waits for a reader")
	res := clfsload(t, "load", "--new", p.state, p.source, "dir:"+p.blobs).mustExit(exitIncomplete).
		mustSay("size 0 with contents: read: it is on a file system of the type proc", "size 4096 with less: read: it is on a file system of the type sysfs",
			"waits for a reader: read: it is on a file system of the type proc", "exclude it")
	if strings.Contains(res.stderr+res.stdout, "changed") {
		t.Errorf("says that something has changed:\n%s", res.stderr)
	}
	mustNotBePublished(t, p.blobs)
	clfsload(t, "load", "--dry-run", p.state, p.source, "dir:"+p.blobs).mustExit(exitOK).mustSay("unreadable         3", "type sysfs")
	must(t, os.RemoveAll(p.state))
	must(t, os.RemoveAll(p.blobs))
	clfsload(t, "load", "--new", "--exclude", "size*", "--exclude", "waits*", p.state, p.source, "dir:"+p.blobs).mustExit(exitOK)
}

// What the filter does not take is no failure.
func TestFilesThatTheKernelGeneratesAndTheFilterLeavesOutAreNoFailures(t *testing.T) {
	p := newPlaces(t)
	clfsload(t, "load", "--new", "--include", "*.none", p.state, "/proc/sys/kernel/random", "dir:"+p.blobs).mustExit(exitOK)
}
