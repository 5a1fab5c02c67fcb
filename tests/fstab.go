package tests

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// fstab is a table of file systems that mount(8) reads, on a machine where
// mount.clfsload is in /sbin.
type fstab struct {
	t     *testing.T
	path  string
	home  string
	lines []string
}

func newFstab(t *testing.T) *fstab {
	t.Helper()
	privateMounts(t)
	program, err := binary()
	must(t, err)
	must(t, unix.Mount("tmpfs", "/sbin", "tmpfs", 0, ""))
	must(t, os.Symlink(program, "/sbin/mount.clfsload"))
	home := t.TempDir()
	return &fstab{t: t, path: filepath.Join(home, "fstab"), home: home}
}

// add adds a line, with a mount point of its own.
func (f *fstab) add(target, options string) (point string) {
	f.t.Helper()
	point = mountPoint(f.t)
	f.t.Cleanup(func() { _ = unix.Unmount(point, unix.MNT_DETACH) })
	f.lines = append(f.lines, fmt.Sprintf("%s %s clfsload %s 0 0\n", target, point, options))
	must(f.t, os.WriteFile(f.path, []byte(strings.Join(f.lines, "")), 0o644))
	return point
}

// mount runs mount(8), which ends with the exit code of mount.clfsload.
func (f *fstab) mount(arguments ...string) result {
	f.t.Helper()
	mount := exec.CommandContext(f.t.Context(), "mount", append([]string{"-T", f.path}, arguments...)...)
	mount.Env = append(os.Environ(), "XDG_STATE_HOME="+f.home)
	out, err := mount.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		f.t.Fatal(err)
	}
	return result{t: f.t, arguments: arguments, stdout: string(out), stderr: "", code: mount.ProcessState.ExitCode()}
}

// awaitEnd waits for the end of a process that is no child.
func awaitEnd(t *testing.T, pid int, during func()) {
	t.Helper()
	fd, err := unix.PidfdOpen(pid, 0)
	must(t, err)
	defer unix.Close(fd)
	during()
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(deadline.Milliseconds()))
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || n != 1 {
			t.Fatalf("process %d goes on: %v", pid, err)
		}
		return
	}
}
