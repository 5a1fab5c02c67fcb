package tests

import (
	"testing"

	"golang.org/x/sys/unix"
)

// A service is up when its mount serves, and goes down with the end of it.
func TestTheServiceManagerIsToldHowTheMountStands(t *testing.T) {
	s := newServiceManager(t)
	i := &intake{t: t, state: t.TempDir() + "/state", target: "dir:" + t.TempDir() + "/container"}
	i.mount = mountWith(t, mountPoint(t), i.flags(nil), withEnvironment("NOTIFY_SOCKET="+s.name))
	s.mustHear("READY=1")
	writeFile(t, i.path("file"), "contents")
	must(t, i.command.Process.Signal(unix.SIGTERM))
	s.mustHear("STOPPING=1")
	i.await().mustExit(exitOK)

	readOnly := mountWith(t, mountPoint(t), []string{"--read-only", "--target", i.target}, withEnvironment("NOTIFY_SOCKET="+s.name))
	s.mustHear("READY=1")
	readOnly.end(unix.SIGTERM).mustExit(exitOK)
}
