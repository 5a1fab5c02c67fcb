package mounted

import (
	"fmt"
	"net"
	"os"
	"testing"
	"time"

	"clfsload/tests/harness"
)

// serviceManager is the socket on which systemd is told how a service stands.
type serviceManager struct {
	t *testing.T
	*net.UnixConn
	Name string
}

func NewServiceManager(t *testing.T) *serviceManager {
	t.Helper()
	name := fmt.Sprintf("@clfsload-tests-%d-%s", os.Getpid(), t.Name()) // an abstract socket, as a path may be too long for one
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	harness.Must(t, err)
	t.Cleanup(func() { l.Close() })
	return &serviceManager{t: t, UnixConn: l, Name: name}
}

// MustHear wants one message.
func (s *serviceManager) MustHear(want string) {
	s.t.Helper()
	harness.Must(s.t, s.SetReadDeadline(time.Now().Add(Deadline)))
	b := make([]byte, 100)
	if n, err := s.Read(b); err != nil || string(b[:n]) != want {
		s.t.Errorf("the service manager was told %q, %v, not %q", b[:n], err, want)
	}
}
