package mounted

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/tests/harness"
)

// fstab is a table of file systems that mount(8) reads, on a machine where
// mount.clfsload is in /sbin.
type fstab struct {
	t     *testing.T
	path  string
	Home  string
	lines []string
}

func NewFstab(t *testing.T) *fstab {
	t.Helper()
	harness.PrivateMounts(t)
	program, err := harness.Binary()
	harness.Must(t, err)
	harness.Must(t, unix.Mount("tmpfs", "/sbin", "tmpfs", 0, ""))
	harness.Must(t, os.Symlink(program, "/sbin/mount.clfsload"))
	home := t.TempDir()
	return &fstab{t: t, path: filepath.Join(home, "fstab"), Home: home}
}

// Add adds a line, with a mount point of its own.
func (f *fstab) Add(target, options string) (point string) {
	f.t.Helper()
	point = Point(f.t)
	f.t.Cleanup(func() { _ = unix.Unmount(point, unix.MNT_DETACH) })
	f.lines = append(f.lines, fmt.Sprintf("%s %s clfsload %s 0 0\n", target, point, options))
	harness.Must(f.t, os.WriteFile(f.path, []byte(strings.Join(f.lines, "")), 0o644))
	return point
}

// Mount runs mount(8), which ends with the exit code of mount.clfsload.
func (f *fstab) Mount(arguments ...string) harness.Result {
	f.t.Helper()
	mount := exec.CommandContext(f.t.Context(), "mount", append([]string{"-T", f.path}, arguments...)...)
	mount.Env = append(os.Environ(), "XDG_STATE_HOME="+f.Home)
	out, err := mount.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		f.t.Fatal(err)
	}
	return harness.Result{T: f.t, Arguments: arguments, Stdout: string(out), Stderr: "", Code: mount.ProcessState.ExitCode()}
}

// AwaitEnd waits for the end of a process that is no child.
func AwaitEnd(t *testing.T, pid int, during func()) {
	t.Helper()
	fd, err := unix.PidfdOpen(pid, 0)
	harness.Must(t, err)
	defer unix.Close(fd)
	during()
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(Deadline.Milliseconds()))
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || n != 1 {
			t.Fatalf("process %d goes on: %v", pid, err)
		}
		return
	}
}
