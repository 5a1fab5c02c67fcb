package tests

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"clfsload/tests/inventory"
)

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

// runTool runs a program that is no test, and returns what it printed.
func runTool(t *testing.T, name string, arguments ...string) string {
	t.Helper()
	return runToolIn(t, "", nil, name, arguments...)
}

// runToolIn runs it in a directory, with NAME=VALUE pairs in its environment.
func runToolIn(t *testing.T, directory string, environment []string, name string, arguments ...string) string {
	t.Helper()
	tool := exec.CommandContext(t.Context(), name, arguments...)
	tool.Dir, tool.Env = directory, append(os.Environ(), environment...)
	out, err := tool.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v (scripts/test-deps installs the tools)\n%s", name, strings.Join(arguments, " "), err, clip(string(out)))
	}
	return string(out)
}

// endsWell ends a mount with a signal, as unmount does.
func (i *intake) endsWell(signal syscall.Signal) result {
	i.t.Helper()
	return i.end(signal).mustExit(exitOK)
}
