package harness

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/tests/needs"
)

// Nobody is an account without rights.
const Nobody = 65534

// AsNobody runs the binary without root's rights.
func AsNobody(c *exec.Cmd) {
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: Nobody, Gid: Nobody}}
	c.Dir = "/"
}

// OpenToAll lets every account write to directory and reach it; the
// directories that tests make are root's alone.
func OpenToAll(t *testing.T, directory string) {
	t.Helper()
	RequireRoot(t)
	if err := os.Chmod(directory, 0o777); err != nil {
		t.Fatal(err)
	}
	for up := filepath.Dir(directory); up != "/" && up != os.TempDir(); up = filepath.Dir(up) {
		if err := os.Chmod(up, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(Scratch, 0o755); err != nil {
		t.Fatal(err)
	}
}

// RequireRoot fails a test that needs devices, foreign owners or mounts.
func RequireRoot(t *testing.T) {
	t.Helper()
	needs.Root(t)
}

// PrivateMounts keeps what the test mounts from now on to itself and to what it
// starts, for which the thread is changed that the test runs on, to the end of it.
func PrivateMounts(t *testing.T) {
	t.Helper()
	RequireRoot(t)
	runtime.LockOSThread() // for ever: the thread ends with the test
	before, err := os.Open("/proc/thread-self/ns/mnt")
	Must(t, err)
	directory, err := os.Getwd()
	Must(t, err)
	Must(t, errors.Join(unix.Unshare(unix.CLONE_NEWNS), unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")))
	detachOthers(t)
	// The first thread of a process never ends, and what it holds cannot be unmounted.
	t.Cleanup(func() {
		Must(t, errors.Join(unix.Setns(int(before.Fd()), unix.CLONE_NEWNS), unix.Chdir(directory), before.Close()))
	})
}

// detachOthers takes the mounts of other tests out of a namespace that is the test's own: a copy of
// a mount keeps it from ending.
func detachOthers(t *testing.T) {
	t.Helper()
	text, err := os.ReadFile("/proc/thread-self/mountinfo")
	Must(t, err)
	for line := range strings.Lines(string(text)) {
		point := mountEscapes.Replace(strings.Fields(line)[4])
		if strings.HasPrefix(point, os.TempDir()+"/") && !strings.HasPrefix(point, DirectoriesOf(t)) {
			_ = unix.Unmount(point, unix.MNT_DETACH) // fails where the one above it is gone already
		}
	}
}

var mountEscapes = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)

// DirectoriesOf is how the paths of a test's temporary directories begin, and of those of its parts.
func DirectoriesOf(t *testing.T) string {
	name, _, _ := strings.Cut(t.Name(), "/")
	return filepath.Join(os.TempDir(), name[:min(len(name), 32)])
}
