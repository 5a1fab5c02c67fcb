package control

import (
	"context"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// process is the process that serves the control socket of a STATE; nil if it cannot be found.
type process struct{ pidfd int }

func ProcessOf(stateDir string) *process {
	dir, err := os.OpenFile(stateDir, os.O_RDONLY|syscall.O_DIRECTORY, 0)
	if err != nil {
		return nil
	}
	defer dir.Close()
	conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: socketPath(dir), Net: "unix"})
	if err != nil {
		return nil
	}
	defer conn.Close()
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil
	}
	var peer *unix.Ucred
	if e := raw.Control(func(fd uintptr) { peer, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }); e != nil || err != nil || peer.Pid <= 0 {
		return nil
	}
	fd, err := unix.PidfdOpen(int(peer.Pid), 0)
	if err != nil {
		return nil
	}
	return &process{fd}
}

// Await returns when the process has ended, or after the maximum time that a mount needs to release
// the lease of a container that does not answer.
func (p *process) Await(ctx context.Context) {
	if p == nil {
		return
	}
	for end := time.Now().Add(15 * time.Second); ctx.Err() == nil && time.Now().Before(end); {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(p.pidfd), Events: unix.POLLIN}}, 100)
		if n > 0 || err != nil && err != unix.EINTR {
			return
		}
	}
}

func (p *process) Close() {
	if p != nil {
		_ = unix.Close(p.pidfd)
	}
}
