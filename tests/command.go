package tests

import (
	"bytes"
	"context"
	endian "encoding/binary"
	"errors"
	"fmt"
	"iter"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// run is one execution of the binary.
type run struct {
	t       *testing.T
	command *exec.Cmd
	started chan struct{} // closed when command.Process is there
	stdout  bytes.Buffer
	stderr  lockedBuffer
}

// option changes how the binary is started.
type option func(*exec.Cmd)

// withEnvironment adds NAME=VALUE pairs.
func withEnvironment(pairs ...string) option {
	return func(c *exec.Cmd) { c.Env = append(c.Env, pairs...) }
}

// command prepares an execution of the binary. Nothing of AZURE_* comes from
// the environment of the tests.
func command(t *testing.T, arguments []string, options ...option) *run {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), runLimit)
	t.Cleanup(cancel)
	r := &run{t: t, command: exec.CommandContext(ctx, path, arguments...), started: make(chan struct{})}
	for _, pair := range os.Environ() {
		if !strings.HasPrefix(pair, "AZURE_") {
			r.command.Env = append(r.command.Env, pair)
		}
	}
	r.command.Stdout, r.command.Stderr = &r.stdout, &r.stderr
	for _, o := range options {
		o(r.command)
	}
	return r
}

func (r *run) start() *run {
	r.t.Helper()
	if err := r.command.Start(); err != nil {
		r.t.Fatal(err)
	}
	close(r.started)
	return r
}

// signal sends a signal, also from another goroutine, once the process runs.
func (r *run) signal(s os.Signal) {
	<-r.started
	_ = r.command.Process.Signal(s)
}

// kill ends the process, and returns when nothing that it is sent can reach it.
func (r *run) kill() {
	r.signal(unix.SIGKILL)
	for {
		err := unix.Waitid(unix.P_PID, r.command.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if err != unix.EINTR {
			return
		}
	}
}

func (r *run) wait() result {
	r.t.Helper()
	err := r.command.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		r.t.Fatalf("%v: %v", r.command.Args, err)
	}
	return result{t: r.t, arguments: r.command.Args[1:], stdout: r.stdout.String(), stderr: r.stderr.String(), code: r.command.ProcessState.ExitCode()}
}

// clfsload runs the binary to its end.
func clfsload(t *testing.T, arguments ...string) result {
	t.Helper()
	return command(t, arguments).start().wait()
}

// lockedBuffer collects output that is looked at while it grows.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// awaitEvents returns when inotify has told of so many events, or the process has ended.
func (r *run) awaitEvents(watch, events int) {
	r.t.Helper()
	buf := make([]byte, 1<<16)
	for events > 0 && !r.ended() {
		_, err := unix.Poll([]unix.PollFd{{Fd: int32(watch), Events: unix.POLLIN}}, 20)
		if err != nil && !errors.Is(err, unix.EINTR) {
			r.t.Fatal(err)
		}
		n, err := unix.Read(watch, buf)
		if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
			continue
		}
		must(r.t, err)
		for range inotifyEvents(buf[:n]) {
			events--
		}
	}
}

// residentLimit is what a load may have in memory at any number of entries.
const residentLimit = 300 << 20

// mostResident is the most memory that a running process had so far, in bytes, 0
// if that cannot be told. (What wait4 says of it counts the parent's in.)
func (r *run) mostResident() (bytes int64) {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", r.command.Process.Pid))
	_, after, _ := strings.Cut(string(status), "VmHWM:")
	_, _ = fmt.Sscanf(after, "%d kB", &bytes)
	return bytes << 10
}

// inotifyEvents are the watches and masks of what was read from inotify.
func inotifyEvents(read []byte) iter.Seq2[int32, uint32] {
	return func(yield func(id int32, mask uint32) bool) {
		for e := endian.NativeEndian; len(read) > 0; {
			if !yield(int32(e.Uint32(read)), e.Uint32(read[4:])) {
				return
			}
			read = read[unix.SizeofInotifyEvent+e.Uint32(read[12:]):]
		}
	}
}

// freeze stops the process where it is, and returns when all of its threads have
// stopped, or when it has ended.
func (r *run) freeze() error {
	if err := r.command.Process.Signal(unix.SIGSTOP); err != nil {
		return err
	}
	return unix.Waitid(unix.P_PID, r.command.Process.Pid, nil, unix.WSTOPPED|unix.WEXITED|unix.WNOWAIT, nil)
}

// ended tells whether the process is a zombie, that is: over, and not waited for.
func (r *run) ended() bool {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", r.command.Process.Pid))
	if err != nil {
		return true
	}
	_, after, _ := strings.Cut(string(status), ") ")
	return strings.HasPrefix(after, "Z")
}
