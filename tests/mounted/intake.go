package mounted

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

	"clfsload/tests/harness"
	"clfsload/tests/inventory"
	"clfsload/tests/remote"
	"clfsload/tests/trees"
)

// Quickly lets a mount upload at once what was closed.
var Quickly = []string{"--settle", "50ms"}

// AdoptAnew mounts the container with another STATE, in place of the one that has ended.
func (i *Intake) AdoptAnew(flags ...string) {
	i.T.Helper()
	harness.Must(i.T, os.RemoveAll(i.State))
	i.Again(flags...)
}

// CutOff writes files of a mode, and kills the mount before they are closed.
func (i *Intake) CutOff(mode os.FileMode, names ...string) {
	i.T.Helper()
	for _, name := range names {
		f, err := os.OpenFile(i.Path(name), os.O_CREATE|os.O_WRONLY, mode)
		harness.Must(i.T, err)
		defer f.Close()
		_, err = f.WriteString("some of " + name)
		harness.Must(i.T, errors.Join(err, f.Sync()))
	}
	harness.Must(i.T, i.Command.Process.Kill())
	i.Await()
}

// RsyncInto copies a tree into the mount, twice: the second time there is nothing to do.
func (i *Intake) RsyncInto(source string) {
	i.T.Helper()
	harness.RunTool(i.T, "rsync", "-aH", harness.ExactTimes, source+"/", i.Point+"/")
	i.NothingToDo(source)
}

func (i *Intake) NothingToDo(source string) {
	i.T.Helper()
	if out := harness.RunTool(i.T, "rsync", "-aHni", harness.ExactTimes, "--delete", source+"/", i.Point+"/"); out != "" {
		i.T.Errorf("a second rsync would do:\n%s", harness.Clip(out))
	}
}

// BusyFlags let a mount upload and publish all the time, so that a kill meets all of
// its work.
var BusyFlags = []string{"--settle", "50ms", "--publish-interval", "1s"}

// Killed ends the process of a mount where it is.
func (i *Intake) Killed() {
	i.T.Helper()
	i.End(unix.SIGKILL).MustExit(-1).MustNotPanic()
}

// EndsPublished unmounts, and wants the container to be the tree that the mount showed.
func (i *Intake) EndsPublished() {
	i.T.Helper()
	tree := trees.List(i.T, i.Point)
	harness.Clfsload(i.T, "unmount", i.Point).MustExit(harness.ExitOK)
	i.Await().MustExit(harness.ExitOK).MustNotPanic()
	trees.MustHold(i.T, tree, i.Blobs(), trees.AsMounted)
	harness.Clfsload(i.T, "verify", i.Target).MustExit(harness.ExitOK)
}

func (i *Intake) Held() held {
	i.T.Helper()
	h := held{files: map[string]int{}, staged: len(StagedFiles(i.T, i.State))}
	directory := fmt.Sprintf("/proc/%d/fd", i.Command.Process.Pid)
	open, err := os.ReadDir(directory)
	harness.Must(i.T, err)
	for _, fd := range open {
		name, _ := os.Readlink(filepath.Join(directory, fd.Name()))
		kind, _, _ := strings.Cut(name, ":[") // the rest is the number of a socket
		h.files[kind]++
	}
	return h
}

// EndsPublishedTo unmounts, and wants all that the mount showed in a container of the
// blob service.
func (i *Intake) EndsPublishedTo(c *remote.Metered) harness.Result {
	i.T.Helper()
	tree := trees.List(i.T, i.Point)
	harness.Clfsload(i.T, "unmount", i.Point).MustExit(harness.ExitOK)
	res := i.Await().MustExit(harness.ExitOK).MustNotPanic()
	trees.MustHold(i.T, tree, trees.Lived(c.Inventory()), trees.AsMounted)
	return res
}

// restart tells a mount that the machine was started since the last one.
func (i *Intake) restart() {
	i.T.Helper()
	harness.Must(i.T, os.WriteFile(filepath.Join(i.State, "boot"), []byte("another"), 0o600))
	harness.StartAnew(i.T, i.State)
}

// CutPower takes the disk away as it is now, and ends the mount. Commands that have
// asked it for something have STATE open until they notice.
func (i *Intake) CutPower(d *harness.Disk, asking ...*harness.Run) {
	i.T.Helper()
	harness.Must(i.T, i.Freeze())
	snapshot := d.Snapshot()
	i.Killed()
	for _, r := range asking {
		r.Wait()
	}
	d.Restore(snapshot)
	i.restart()
}

// LongSettle leaves files alone until a command asks for them.
var LongSettle = []string{"--settle", "1h"}

func (i *Intake) MustNotBePublished() {
	i.T.Helper()
	for _, name := range i.Blobs().Names {
		if strings.HasPrefix(name, trees.RootPrefix) {
			i.T.Errorf("there is a root: %s", name)
		}
	}
}

// NewMeteredIntake mounts into a container whose Puts are counted.
func NewMeteredIntake(t *testing.T, flags ...string) (*Intake, *remote.Metered) {
	t.Helper()
	c := remote.NewMetered(t)
	return NewIntakeInto(t, c.URL, flags...), c
}

// SmallStaging makes the mount evict what it has uploaded all the time.
var SmallStaging = []string{"--staging-limit", "64MiB", "--settle", "100ms"}

// Intake is a writable mount, with what outlives it.
type Intake struct {
	*Mount
	T      *testing.T
	State  string
	Target string
}

// NewIntake mounts a new state for writing, into a container in a directory.
func NewIntake(t *testing.T, flags ...string) *Intake {
	t.Helper()
	return NewIntakeInto(t, "dir:"+filepath.Join(t.TempDir(), "container"), flags...)
}

func NewIntakeInto(t *testing.T, target string, flags ...string) *Intake {
	t.Helper()
	i := &Intake{T: t, State: filepath.Join(t.TempDir(), "state"), Target: target}
	i.Mount = With(t, Point(t), i.Flags(flags))
	return i
}

func (i *Intake) Flags(more []string) []string {
	return append([]string{"--state", i.State, "--target", i.Target}, more...)
}

// Again mounts the state once more, after the mount has ended.
func (i *Intake) Again(flags ...string) {
	i.T.Helper()
	i.Mount = With(i.T, i.Point, i.Flags(flags))
}

// Remount ends the mount, without a publication, and begins it again.
func (i *Intake) Remount(flags ...string) {
	i.T.Helper()
	harness.Clfsload(i.T, "unmount", "--no-publish", i.Point).MustExit(harness.ExitOK)
	i.Await().MustExit(harness.ExitOK)
	i.Again(flags...)
}

// Flush and publish wait until all is uploaded, and until it can be reached.
func (i *Intake) Flush() harness.Result {
	i.T.Helper()
	return harness.Clfsload(i.T, "flush", i.Point).MustExit(harness.ExitOK)
}

func (i *Intake) Publish() harness.Result {
	i.T.Helper()
	return harness.Clfsload(i.T, "publish", i.Point).MustExit(harness.ExitOK)
}

// Blobs are those of a container in a directory.
func (i *Intake) Blobs() inventory.Blobs {
	i.T.Helper()
	blobs := trees.DirectoryBlobs(i.T, strings.TrimPrefix(i.Target, "dir:"))
	// The file with which a process that runs keeps others out is no blob.
	blobs.Names = slices.DeleteFunc(blobs.Names, func(name string) bool { return strings.HasPrefix(name, ".lease.") })
	blobs.Lived = true
	return blobs
}

// MustBePublished wants the container to hold what the mount shows, and nothing else.
func (i *Intake) MustBePublished() inventory.Contents {
	i.T.Helper()
	return trees.MustHold(i.T, trees.List(i.T, i.Point), i.Blobs(), trees.AsMounted)
}

// Directory makes a directory in the mount.
func (i *Intake) Directory(name string) string {
	i.T.Helper()
	harness.MustMkdir(i.T, i.Path(name))
	return i.Path(name)
}

// EndsWell ends a mount with a signal, as unmount does.
func (i *Intake) EndsWell(signal syscall.Signal) harness.Result {
	i.T.Helper()
	return i.End(signal).MustExit(harness.ExitOK)
}

// Deadline bounds what a test waits for.
const Deadline = 2 * time.Minute

func (i *Intake) Status() (s IntakeStatus) {
	i.T.Helper()
	harness.Decode(i.T, harness.Clfsload(i.T, "status", "--json", i.State).MustExit(harness.ExitOK).Stdout, &s)
	return s
}

// AwaitStatus asks until the answer is as wanted.
func (i *Intake) AwaitStatus(what string, wanted func(IntakeStatus) bool) IntakeStatus {
	i.T.Helper()
	end := time.Now().Add(Deadline)
	for tick := time.NewTicker(20 * time.Millisecond); ; <-tick.C {
		s := i.Status()
		if wanted(s) {
			return s
		}
		if time.Now().After(end) {
			i.T.Fatalf("%s: never so, but %+v", what, s)
		}
	}
}

// Unmounted publishes and ends a mount.
func (i *Intake) Unmounted() {
	i.T.Helper()
	harness.Clfsload(i.T, "unmount", i.Point).MustExit(harness.ExitOK)
	i.Await().MustExit(harness.ExitOK)
}

func (i *Intake) Container() string { return strings.TrimPrefix(i.Target, "dir:") }

func (i *Intake) MustHave(path, text string) {
	i.T.Helper()
	if got := harness.Clfsload(i.T, "cat", i.Target, "/"+path).MustExit(harness.ExitOK).Stdout; got != text {
		i.T.Errorf("the container has %q in %s, not %q", got, path, text)
	}
}
