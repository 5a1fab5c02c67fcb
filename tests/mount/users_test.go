package mount

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/tests/harness"
	"clfsload/tests/inventory"
	"clfsload/tests/mounted"
	"clfsload/tests/trees"
)

// forUsers lets ordinary users mount, as udev and fuse3 do, with lines of
// /etc/fuse.conf.
func forUsers(t *testing.T, settings string) {
	t.Helper()
	harness.PrivateMounts(t)
	if _, err := exec.LookPath("fusermount3"); err != nil {
		t.Fatalf("%v (scripts/test-deps installs it)", err)
	}
	var fuse unix.Stat_t
	harness.Must(t, unix.Stat("/dev/fuse", &fuse))
	directory := t.TempDir()
	device, conf := filepath.Join(directory, "fuse"), filepath.Join(directory, "fuse.conf")
	harness.Must(t, errors.Join(unix.Mknod(device, unix.S_IFCHR, int(fuse.Rdev)), os.Chmod(device, 0o666)))
	harness.Must(t, os.WriteFile(conf, []byte(settings), 0o644))
	if _, err := os.Stat("/etc/fuse.conf"); err != nil {
		t.Fatalf("%v (it comes with fuse3)", err)
	}
	harness.Must(t, errors.Join(unix.Mount(device, "/dev/fuse", "", unix.MS_BIND, ""), unix.Mount(conf, "/etc/fuse.conf", "", unix.MS_BIND, "")))
}

// usersIntake is a writable mount of an ordinary user, on a directory of his.
func usersIntake(t *testing.T, flags ...string) *mounted.Intake {
	t.Helper()
	home := t.TempDir()
	harness.OpenToAll(t, home)
	point := filepath.Join(home, "mnt")
	harness.Must(t, errors.Join(os.Mkdir(point, 0o755), os.Chown(point, harness.Nobody, harness.Nobody)))
	i := &mounted.Intake{T: t, State: filepath.Join(home, "state"), Target: "dir:" + filepath.Join(home, "container")}
	i.Mount = mounted.With(t, point, i.Flags(flags), harness.AsNobody)
	return i
}

// asUser runs clfsload as the user of such a mount.
func asUser(t *testing.T, arguments ...string) harness.Result {
	t.Helper()
	return harness.Command(t, arguments, harness.AsNobody).Start().Wait()
}

// toolAsNobody runs a program that is no test as an ordinary user.
func toolAsNobody(t *testing.T, name string, arguments ...string) {
	t.Helper()
	tool := exec.CommandContext(t.Context(), name, arguments...)
	harness.AsNobody(tool)
	if out, err := tool.CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(arguments, " "), err, out)
	}
}

// What an ordinary user copies in becomes a container, without any right that fusermount3
// does not have.
func TestOrdinaryUsersCopyIntoAMountOfTheirOwn(t *testing.T) {
	forUsers(t, "")
	i := usersIntake(t)
	source := trees.TwoSizes(t)
	harness.OpenToAll(t, source)
	harness.RunTool(t, "chown", "-R", "65534:65534", source)
	toolAsNobody(t, "rsync", "-aH", harness.ExactTimes, source+"/", i.Path("rsync"))
	toolAsNobody(t, "cp", "-a", source, i.Path("cp"))
	asUser(t, "flush", i.Point).MustExit(harness.ExitOK)
	if err := unix.Access(i.Point, unix.F_OK); err == nil {
		t.Error("root got into a mount without --allow-other")
	}
	toolAsNobody(t, "sh", "-c", `exec 3<"$1" && ! "$2" unmount "$3"`, "sh", i.Path("cp/sizes/text-100"), i.Command.Path, i.Point)
	asUser(t, "unmount", i.Point).MustExit(harness.ExitOK).MustSay("published")
	i.Await().MustExit(harness.ExitOK)
	out := filepath.Join(t.TempDir(), "out")
	harness.Clfsload(t, "export", i.Target, out).MustExit(harness.ExitOK)
	for _, name := range []string{"rsync", "cp"} {
		trees.ReportLines(t, name, inventory.Compare(trees.List(t, source), trees.List(t, filepath.Join(out, name)), inventory.Scope{HardLinks: true}))
	}
}

func TestADeadMountOfAnOrdinaryUserIsClearedByItsNextOne(t *testing.T) {
	forUsers(t, "")
	i := usersIntake(t)
	toolAsNobody(t, "sh", "-c", `echo kept > "$1"`, "sh", i.Path("file"))
	i.End(unix.SIGKILL).MustExit(-1)
	i.Mount = mounted.With(t, i.Point, i.Flags(nil), harness.AsNobody)
	toolAsNobody(t, "grep", "-q", "kept", i.Path("file"))
	i.End(unix.SIGKILL).MustExit(-1)
	asUser(t, "unmount", i.State).MustExit(harness.ExitOK).MustSay("cleared")
	if mounted.At(t, i.Point) {
		t.Error("something is still mounted")
	}
}

func TestOrdinaryUsersLetOthersInWhereFuseConfAllowsIt(t *testing.T) {
	forUsers(t, "# as the administrator wants it\nuser_allow_other\n")
	i := usersIntake(t, "--allow-other")
	toolAsNobody(t, "sh", "-c", `echo shared > "$1"`, "sh", i.Path("file"))
	if got, err := os.ReadFile(i.Path("file")); err != nil || !bytes.Equal(got, []byte("shared\n")) {
		t.Errorf("%q, %v", got, err)
	}
	toolAsNobody(t, "fusermount3", "-u", i.Point)
	i.Await().MustExit(harness.ExitOK).MustSay("everything is published")
}

func TestOrdinaryUsersAreToldWhatKeepsThemFromMounting(t *testing.T) {
	forUsers(t, "#user_allow_other\n")
	home := t.TempDir()
	state := filepath.Join(home, "state")
	point := filepath.Join(home, "point")
	harness.Must(t, os.Mkdir(point, 0o755))
	harness.OpenToAll(t, point)
	harness.OpenToAll(t, home)
	mount := []string{"mount", "--allow-other", "--state", state, point}
	asUser(t, mount...).MustExit(harness.ExitMountPoint).MustBeOneLine().MustSay("/etc/fuse.conf", "user_allow_other")
	harness.Must(t, os.Chmod("/dev/fuse", 0o600))
	asUser(t, mount...).MustExit(harness.ExitMountPoint).MustBeOneLine().MustSay("/dev/fuse", "permission denied")
	if _, err := os.Lstat(state); err == nil {
		t.Error("a STATE was made")
	}
}
