package tests

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

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
		"remount,ro": "unmount, then", "whatever": "whatever", "noexec": "noexec", "user": "noexec", "settle=never": "settle",
		"state=" + filepath.Join(f.home, "other") + ",ro": "--state", "metrics_addr": "metrics_addr",
	} {
		f.mount("-o", options, "-t", "clfsload", "none", mountPoint(t)).mustExit(exitUsage).mustSay(says)
	}
	busy := []string{"-o", "state=" + filepath.Join(f.home, "state"), "-t", "clfsload", "none", mountPoint(t)}
	f.mount(busy...).mustExit(exitBusy).mustSay("in use by another process")
	f.mount("-t", "clfsload", "none", filepath.Join(f.home, "nothing")).mustExit(exitMountPoint).mustSay("no such file")
	clfsload(t, "unmount", point).mustExit(exitOK)
}
