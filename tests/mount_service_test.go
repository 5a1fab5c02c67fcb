package tests

import (
	"fmt"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// serviceManager is the socket on which systemd is told how a service stands.
type serviceManager struct {
	t *testing.T
	*net.UnixConn
	name string
}

func newServiceManager(t *testing.T) *serviceManager {
	t.Helper()
	name := fmt.Sprintf("@clfsload-tests-%d-%s", os.Getpid(), t.Name()) // an abstract socket, as a path may be too long for one
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	must(t, err)
	t.Cleanup(func() { l.Close() })
	return &serviceManager{t: t, UnixConn: l, name: name}
}

// mustHear wants one message.
func (s *serviceManager) mustHear(want string) {
	s.t.Helper()
	must(s.t, s.SetReadDeadline(time.Now().Add(deadline)))
	b := make([]byte, 100)
	if n, err := s.Read(b); err != nil || string(b[:n]) != want {
		s.t.Errorf("the service manager was told %q, %v, not %q", b[:n], err, want)
	}
}

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
