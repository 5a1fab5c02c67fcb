package tests

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/tests/inventory"
)

// forUsers lets ordinary users mount, as udev and fuse3 do, with lines of
// /etc/fuse.conf.
func forUsers(t *testing.T, settings string) {
	t.Helper()
	privateMounts(t)
	if _, err := exec.LookPath("fusermount3"); err != nil {
		t.Fatalf("%v (scripts/test-deps installs it)", err)
	}
	var fuse unix.Stat_t
	must(t, unix.Stat("/dev/fuse", &fuse))
	directory := t.TempDir()
	device, conf := filepath.Join(directory, "fuse"), filepath.Join(directory, "fuse.conf")
	must(t, errors.Join(unix.Mknod(device, unix.S_IFCHR, int(fuse.Rdev)), os.Chmod(device, 0o666)))
	must(t, os.WriteFile(conf, []byte(settings), 0o644))
	if _, err := os.Stat("/etc/fuse.conf"); err != nil {
		t.Fatalf("%v (it comes with fuse3)", err)
	}
	must(t, errors.Join(unix.Mount(device, "/dev/fuse", "", unix.MS_BIND, ""), unix.Mount(conf, "/etc/fuse.conf", "", unix.MS_BIND, "")))
}

// usersIntake is a writable mount of an ordinary user, on a directory of his.
func usersIntake(t *testing.T, flags ...string) *intake {
	t.Helper()
	home := t.TempDir()
	openToAll(t, home)
	point := filepath.Join(home, "mnt")
	must(t, errors.Join(os.Mkdir(point, 0o755), os.Chown(point, nobody, nobody)))
	i := &intake{t: t, state: filepath.Join(home, "state"), target: "dir:" + filepath.Join(home, "container")}
	i.mount = mountWith(t, point, i.flags(flags), asNobody)
	return i
}

// asUser runs clfsload as the user of such a mount.
func asUser(t *testing.T, arguments ...string) result {
	t.Helper()
	return command(t, arguments, asNobody).start().wait()
}

// toolAsNobody runs a program that is no test as an ordinary user.
func toolAsNobody(t *testing.T, name string, arguments ...string) {
	t.Helper()
	tool := exec.CommandContext(t.Context(), name, arguments...)
	asNobody(tool)
	if out, err := tool.CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(arguments, " "), err, out)
	}
}

// What an ordinary user copies in becomes a container, without any right that fusermount3
// does not have.
func TestOrdinaryUsersCopyIntoAMountOfTheirOwn(t *testing.T) {
	forUsers(t, "")
	i := usersIntake(t)
	source := twoSizes(t)
	openToAll(t, source)
	runTool(t, "chown", "-R", "65534:65534", source)
	toolAsNobody(t, "rsync", "-aH", exactTimes, source+"/", i.path("rsync"))
	toolAsNobody(t, "cp", "-a", source, i.path("cp"))
	asUser(t, "flush", i.point).mustExit(exitOK)
	if err := unix.Access(i.point, unix.F_OK); err == nil {
		t.Error("root got into a mount without --allow-other")
	}
	toolAsNobody(t, "sh", "-c", `exec 3<"$1" && ! "$2" unmount "$3"`, "sh", i.path("cp/sizes/text-100"), i.command.Path, i.point)
	asUser(t, "unmount", i.point).mustExit(exitOK).mustSay("published")
	i.await().mustExit(exitOK)
	out := filepath.Join(t.TempDir(), "out")
	clfsload(t, "export", i.target, out).mustExit(exitOK)
	for _, name := range []string{"rsync", "cp"} {
		reportLines(t, name, inventory.Compare(listTree(t, source), listTree(t, filepath.Join(out, name)), inventory.Scope{HardLinks: true}))
	}
}

func TestADeadMountOfAnOrdinaryUserIsClearedByItsNextOne(t *testing.T) {
	forUsers(t, "")
	i := usersIntake(t)
	toolAsNobody(t, "sh", "-c", `echo kept > "$1"`, "sh", i.path("file"))
	i.end(unix.SIGKILL).mustExit(-1)
	i.mount = mountWith(t, i.point, i.flags(nil), asNobody)
	toolAsNobody(t, "grep", "-q", "kept", i.path("file"))
	i.end(unix.SIGKILL).mustExit(-1)
	asUser(t, "unmount", i.state).mustExit(exitOK).mustSay("cleared")
	if isMounted(t, i.point) {
		t.Error("something is still mounted")
	}
}

func TestOrdinaryUsersLetOthersInWhereFuseConfAllowsIt(t *testing.T) {
	forUsers(t, "# as the administrator wants it\nuser_allow_other\n")
	i := usersIntake(t, "--allow-other")
	toolAsNobody(t, "sh", "-c", `echo shared > "$1"`, "sh", i.path("file"))
	if got, err := os.ReadFile(i.path("file")); err != nil || !bytes.Equal(got, []byte("shared\n")) {
		t.Errorf("%q, %v", got, err)
	}
	toolAsNobody(t, "fusermount3", "-u", i.point)
	i.await().mustExit(exitOK).mustSay("everything is published")
}

func TestOrdinaryUsersAreToldWhatKeepsThemFromMounting(t *testing.T) {
	forUsers(t, "#user_allow_other\n")
	home := t.TempDir()
	state := filepath.Join(home, "state")
	point := filepath.Join(home, "point")
	must(t, os.Mkdir(point, 0o755))
	openToAll(t, point)
	openToAll(t, home)
	mount := []string{"mount", "--allow-other", "--state", state, point}
	asUser(t, mount...).mustExit(exitMountPoint).mustBeOneLine().mustSay("/etc/fuse.conf", "user_allow_other")
	must(t, os.Chmod("/dev/fuse", 0o600))
	asUser(t, mount...).mustExit(exitMountPoint).mustBeOneLine().mustSay("/dev/fuse", "permission denied")
	if _, err := os.Lstat(state); err == nil {
		t.Error("a STATE was made")
	}
}
