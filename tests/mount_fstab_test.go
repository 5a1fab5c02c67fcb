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

func TestALineOfFstabMountsAndUmountPublishes(t *testing.T) {
	f := newFstab(t)
	i := &intake{t: t, state: filepath.Join(f.home, "state"), target: "dir:" + filepath.Join(f.home, "container")}
	point := f.add(i.target, "state="+i.state+",settle=50ms,allow_other,_netdev,nofail,x-systemd.automount,noatime")
	openToAll(t, point)
	f.mount(point).mustExit(exitOK)
	i.mount = &mount{point: point}
	source := twoSizes(t)
	i.rsyncInto(source)
	toolAsNobody(t, "ls", point)
	tree := listTree(t, point)
	awaitEnd(t, i.status().PID, func() { runTool(t, "umount", point) })
	if isMounted(t, point) {
		t.Error("it is still mounted")
	}
	mustHold(t, tree, i.blobs(), asMounted)

	again := f.add(i.target, "ro,noauto")
	f.mount(again).mustExit(exitOK)
	if err := os.WriteFile(filepath.Join(again, "new"), nil, 0o644); !errors.Is(err, unix.EROFS) {
		t.Errorf("a file in a mount with ro: %v", err)
	}
	runTool(t, "diff", "-r", source, again)
	runTool(t, "umount", again)
}

func TestMountIsToldWhatCannotBeMounted(t *testing.T) {
	f := newFstab(t)
	point := f.add("dir:"+filepath.Join(f.home, "container"), "state="+filepath.Join(f.home, "state"))
	f.mount(point).mustExit(exitOK)
	f.mount(point).mustExit(exitMountPoint).mustSay("is mounted there")
	f.mount("-a").mustExit(exitOK) // it knows what is mounted
	for options, says := range map[string]string{
		"remount,ro": "umount it", "whatever": "whatever", "noexec": "noexec", "user": "noexec", "settle=never": "settle",
		"state=" + filepath.Join(f.home, "other") + ",ro": "--state", "metrics_addr": "metrics_addr",
	} {
		f.mount("-o", options, "-t", "clfsload", "none", mountPoint(t)).mustExit(exitUsage).mustSay(says)
	}
	busy := []string{"-o", "state=" + filepath.Join(f.home, "state"), "-t", "clfsload", "none", mountPoint(t)}
	f.mount(busy...).mustExit(exitBusy).mustSay("in use by another process")
	f.mount("-t", "clfsload", "none", filepath.Join(f.home, "nothing")).mustExit(exitMountPoint).mustSay("no such file")
	clfsload(t, "unmount", point).mustExit(exitOK)
}
