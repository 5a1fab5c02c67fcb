package tests

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"clfsload/tests/inventory"
)

// quickly lets a mount upload at once what was closed.
var quickly = []string{"--settle", "50ms"}

// adoptAnew mounts the container with another STATE, in place of the one that has ended.
func (i *intake) adoptAnew(flags ...string) {
	i.t.Helper()
	must(i.t, os.RemoveAll(i.state))
	i.again(flags...)
}

// cutOff writes files of a mode, and kills the mount before they are closed.
func (i *intake) cutOff(mode os.FileMode, names ...string) {
	i.t.Helper()
	for _, name := range names {
		f, err := os.OpenFile(i.path(name), os.O_CREATE|os.O_WRONLY, mode)
		must(i.t, err)
		defer f.Close()
		_, err = f.WriteString("some of " + name)
		must(i.t, errors.Join(err, f.Sync()))
	}
	must(i.t, i.command.Process.Kill())
	i.await()
}

// rsyncInto copies a tree into the mount, twice: the second time there is nothing to do.
func (i *intake) rsyncInto(source string) {
	i.t.Helper()
	runTool(i.t, "rsync", "-aH", exactTimes, source+"/", i.point+"/")
	i.nothingToDo(source)
}

func (i *intake) nothingToDo(source string) {
	i.t.Helper()
	if out := runTool(i.t, "rsync", "-aHni", exactTimes, "--delete", source+"/", i.point+"/"); out != "" {
		i.t.Errorf("a second rsync would do:\n%s", clip(out))
	}
}

// busyFlags let a mount upload and publish all the time, so that a kill meets all of
// its work.
var busyFlags = []string{"--settle", "50ms", "--publish-interval", "1s"}

// killed ends the process of a mount where it is.
func (i *intake) killed() {
	i.t.Helper()
	i.end(unix.SIGKILL).mustExit(-1).mustNotPanic()
}

// endsPublished unmounts, and wants the container to be the tree that the mount showed.
func (i *intake) endsPublished() {
	i.t.Helper()
	tree := listTree(i.t, i.point)
	clfsload(i.t, "unmount", i.point).mustExit(exitOK)
	i.await().mustExit(exitOK).mustNotPanic()
	mustHold(i.t, tree, i.blobs(), asMounted)
	clfsload(i.t, "verify", i.target).mustExit(exitOK)
}

func (i *intake) held() held {
	i.t.Helper()
	h := held{files: map[string]int{}, staged: len(stagedFiles(i.t, i.state))}
	directory := fmt.Sprintf("/proc/%d/fd", i.command.Process.Pid)
	open, err := os.ReadDir(directory)
	must(i.t, err)
	for _, fd := range open {
		name, _ := os.Readlink(filepath.Join(directory, fd.Name()))
		kind, _, _ := strings.Cut(name, ":[") // the rest is the number of a socket
		h.files[kind]++
	}
	return h
}

// endsPublishedTo unmounts, and wants all that the mount showed in a container of the
// blob service.
func (i *intake) endsPublishedTo(c *meteredContainer) result {
	i.t.Helper()
	tree := listTree(i.t, i.point)
	clfsload(i.t, "unmount", i.point).mustExit(exitOK)
	res := i.await().mustExit(exitOK).mustNotPanic()
	mustHold(i.t, tree, lived(c.inventory()), asMounted)
	return res
}

// restart tells a mount that the machine was started since the last one.
func (i *intake) restart() {
	i.t.Helper()
	must(i.t, os.WriteFile(filepath.Join(i.state, "boot"), []byte("another"), 0o600))
	startAnew(i.t, i.state)
}

// cutPower takes the disk away as it is now, and ends the mount. Commands that have
// asked it for something have STATE open until they notice.
func (i *intake) cutPower(d *disk, asking ...*run) {
	i.t.Helper()
	must(i.t, i.freeze())
	snapshot := d.snapshot()
	i.killed()
	for _, r := range asking {
		r.wait()
	}
	d.restore(snapshot)
	i.restart()
}

// longSettle leaves files alone until a command asks for them.
var longSettle = []string{"--settle", "1h"}

func (i *intake) mustNotBePublished() {
	i.t.Helper()
	for _, name := range i.blobs().Names {
		if strings.HasPrefix(name, rootPrefix) {
			i.t.Errorf("there is a root: %s", name)
		}
	}
}

// newMeteredIntake mounts into a container whose Puts are counted.
func newMeteredIntake(t *testing.T, flags ...string) (*intake, *meteredContainer) {
	t.Helper()
	c := newMeteredContainer(t)
	return newIntakeInto(t, c.url, flags...), c
}

// smallStaging makes the mount evict what it has uploaded all the time.
var smallStaging = []string{"--staging-limit", "64MiB", "--settle", "100ms"}

// intake is a writable mount, with what outlives it.
type intake struct {
	*mount
	t      *testing.T
	state  string
	target string
}

// newIntake mounts a new state for writing, into a container in a directory.
func newIntake(t *testing.T, flags ...string) *intake {
	t.Helper()
	return newIntakeInto(t, "dir:"+filepath.Join(t.TempDir(), "container"), flags...)
}

func newIntakeInto(t *testing.T, target string, flags ...string) *intake {
	t.Helper()
	i := &intake{t: t, state: filepath.Join(t.TempDir(), "state"), target: target}
	i.mount = mountWith(t, mountPoint(t), i.flags(flags))
	return i
}

func (i *intake) flags(more []string) []string {
	return append([]string{"--state", i.state, "--target", i.target}, more...)
}

// again mounts the state once more, after the mount has ended.
func (i *intake) again(flags ...string) {
	i.t.Helper()
	i.mount = mountWith(i.t, i.point, i.flags(flags))
}

// remount ends the mount, without a publication, and begins it again.
func (i *intake) remount(flags ...string) {
	i.t.Helper()
	clfsload(i.t, "unmount", "--no-publish", i.point).mustExit(exitOK)
	i.await().mustExit(exitOK)
	i.again(flags...)
}

// flush and publish wait until all is uploaded, and until it can be reached.
func (i *intake) flush() result {
	i.t.Helper()
	return clfsload(i.t, "flush", i.point).mustExit(exitOK)
}

func (i *intake) publish() result {
	i.t.Helper()
	return clfsload(i.t, "publish", i.point).mustExit(exitOK)
}

// blobs are those of a container in a directory.
func (i *intake) blobs() inventory.Blobs {
	i.t.Helper()
	blobs := directoryBlobs(i.t, strings.TrimPrefix(i.target, "dir:"))
	// The file with which a process that runs keeps others out is no blob.
	blobs.Names = slices.DeleteFunc(blobs.Names, func(name string) bool { return strings.HasPrefix(name, ".lease.") })
	blobs.Lived = true
	return blobs
}

// mustBePublished wants the container to hold what the mount shows, and nothing else.
func (i *intake) mustBePublished() inventory.Contents {
	i.t.Helper()
	return mustHold(i.t, listTree(i.t, i.point), i.blobs(), asMounted)
}

// directory makes a directory in the mount.
func (i *intake) directory(name string) string {
	i.t.Helper()
	mustMkdir(i.t, i.path(name))
	return i.path(name)
}

// endsWell ends a mount with a signal, as unmount does.
func (i *intake) endsWell(signal syscall.Signal) result {
	i.t.Helper()
	return i.end(signal).mustExit(exitOK)
}

// deadline bounds what a test waits for.
const deadline = 2 * time.Minute

func (i *intake) status() (s intakeStatus) {
	i.t.Helper()
	decode(i.t, clfsload(i.t, "status", "--json", i.state).mustExit(exitOK).stdout, &s)
	return s
}

// awaitStatus asks until the answer is as wanted.
func (i *intake) awaitStatus(what string, wanted func(intakeStatus) bool) intakeStatus {
	i.t.Helper()
	end := time.Now().Add(deadline)
	for tick := time.NewTicker(20 * time.Millisecond); ; <-tick.C {
		s := i.status()
		if wanted(s) {
			return s
		}
		if time.Now().After(end) {
			i.t.Fatalf("%s: never so, but %+v", what, s)
		}
	}
}

// unmounted publishes and ends a mount.
func (i *intake) unmounted() {
	i.t.Helper()
	clfsload(i.t, "unmount", i.point).mustExit(exitOK)
	i.await().mustExit(exitOK)
}

func (i *intake) container() string { return strings.TrimPrefix(i.target, "dir:") }

func (i *intake) mustHave(path, text string) {
	i.t.Helper()
	if got := clfsload(i.t, "cat", i.target, "/"+path).mustExit(exitOK).stdout; got != text {
		i.t.Errorf("the container has %q in %s, not %q", got, path, text)
	}
}
