package mount

import (
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/tests/harness"
	"clfsload/tests/mounted"
)

// A service is up when its mount serves, and goes down with the end of it.
func TestTheServiceManagerIsToldHowTheMountStands(t *testing.T) {
	s := mounted.NewServiceManager(t)
	i := &mounted.Intake{T: t, State: t.TempDir() + "/state", Target: "dir:" + t.TempDir() + "/container"}
	i.Mount = mounted.With(t, mounted.Point(t), i.Flags(nil), harness.WithEnvironment("NOTIFY_SOCKET="+s.Name))
	s.MustHear("READY=1")
	harness.WriteFile(t, i.Path("file"), "contents")
	harness.Must(t, i.Command.Process.Signal(unix.SIGTERM))
	s.MustHear("STOPPING=1")
	i.Await().MustExit(harness.ExitOK)

	readOnly := mounted.With(t, mounted.Point(t), []string{"--read-only", "--target", i.Target}, harness.WithEnvironment("NOTIFY_SOCKET="+s.Name))
	s.MustHear("READY=1")
	readOnly.End(unix.SIGTERM).MustExit(harness.ExitOK)
}
