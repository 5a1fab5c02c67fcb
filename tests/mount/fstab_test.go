package mount

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/tests/harness"
	"clfsload/tests/mounted"
	"clfsload/tests/trees"
)

func TestALineOfFstabMountsAndUmountPublishes(t *testing.T) {
	f := mounted.NewFstab(t)
	i := &mounted.Intake{T: t, State: filepath.Join(f.Home, "state"), Target: "dir:" + filepath.Join(f.Home, "container")}
	point := f.Add(i.Target, "state="+i.State+",settle=50ms,allow_other,_netdev,nofail,x-systemd.automount,noatime")
	harness.OpenToAll(t, point)
	f.Mount(point).MustExit(harness.ExitOK)
	i.Mount = &mounted.Mount{Point: point}
	source := trees.TwoSizes(t)
	i.RsyncInto(source)
	toolAsNobody(t, "ls", point)
	tree := trees.List(t, point)
	mounted.AwaitEnd(t, i.Status().PID, func() { harness.RunTool(t, "umount", point) })
	if mounted.At(t, point) {
		t.Error("it is still mounted")
	}
	trees.MustHold(t, tree, i.Blobs(), trees.AsMounted)

	again := f.Add(i.Target, "ro,noauto")
	f.Mount(again).MustExit(harness.ExitOK)
	if err := os.WriteFile(filepath.Join(again, "new"), nil, 0o644); !errors.Is(err, unix.EROFS) {
		t.Errorf("a file in a mount with ro: %v", err)
	}
	harness.RunTool(t, "diff", "-r", source, again)
	harness.RunTool(t, "umount", again)
}

func TestMountIsToldWhatCannotBeMounted(t *testing.T) {
	f := mounted.NewFstab(t)
	point := f.Add("dir:"+filepath.Join(f.Home, "container"), "state="+filepath.Join(f.Home, "state"))
	f.Mount(point).MustExit(harness.ExitOK)
	f.Mount(point).MustExit(harness.ExitMountPoint).MustSay("is mounted there")
	f.Mount("-a").MustExit(harness.ExitOK) // it knows what is mounted
	for options, says := range map[string]string{
		"remount,ro": "unmount, then", "whatever": "whatever", "noexec": "noexec", "user": "noexec", "settle=never": "settle",
		"state=" + filepath.Join(f.Home, "other") + ",ro": "--state", "metrics_addr": "metrics_addr",
	} {
		f.Mount("-o", options, "-t", "clfsload", "none", mounted.Point(t)).MustExit(harness.ExitUsage).MustSay(says)
	}
	busy := []string{"-o", "state=" + filepath.Join(f.Home, "state"), "-t", "clfsload", "none", mounted.Point(t)}
	f.Mount(busy...).MustExit(harness.ExitBusy).MustSay("in use by another process")
	f.Mount("-t", "clfsload", "none", filepath.Join(f.Home, "nothing")).MustExit(harness.ExitMountPoint).MustSay("no such file")
	harness.Clfsload(t, "unmount", point).MustExit(harness.ExitOK)
}
