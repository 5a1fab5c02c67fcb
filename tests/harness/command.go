package harness

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

// Run is one execution of the binary.
type Run struct {
	T       *testing.T
	Command *exec.Cmd
	Started chan struct{} // closed when command.Process is there
	stdout  bytes.Buffer
	Stderr  LockedBuffer
}

// Option changes how the binary is started.
type Option func(*exec.Cmd)

// WithEnvironment adds NAME=VALUE pairs.
func WithEnvironment(pairs ...string) Option {
	return func(c *exec.Cmd) { c.Env = append(c.Env, pairs...) }
}

// Command prepares an execution of the binary. Nothing of AZURE_* comes from
// the environment of the tests.
func Command(t *testing.T, arguments []string, options ...Option) *Run {
	t.Helper()
	path, err := Binary()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), runLimit)
	t.Cleanup(cancel)
	r := &Run{T: t, Command: exec.CommandContext(ctx, path, arguments...), Started: make(chan struct{})}
	for _, pair := range os.Environ() {
		if !strings.HasPrefix(pair, "AZURE_") {
			r.Command.Env = append(r.Command.Env, pair)
		}
	}
	r.Command.Stdout, r.Command.Stderr = &r.stdout, &r.Stderr
	for _, o := range options {
		o(r.Command)
	}
	return r
}

func (r *Run) Start() *Run {
	r.T.Helper()
	if err := r.Command.Start(); err != nil {
		r.T.Fatal(err)
	}
	close(r.Started)
	return r
}

// Signal sends a signal, also from another goroutine, once the process runs.
func (r *Run) Signal(s os.Signal) {
	<-r.Started
	_ = r.Command.Process.Signal(s)
}

// Kill ends the process, and returns when nothing that it is sent can reach it.
func (r *Run) Kill() {
	r.Signal(unix.SIGKILL)
	for {
		err := unix.Waitid(unix.P_PID, r.Command.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if err != unix.EINTR {
			return
		}
	}
}

func (r *Run) Wait() Result {
	r.T.Helper()
	err := r.Command.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		r.T.Fatalf("%v: %v", r.Command.Args, err)
	}
	return Result{T: r.T, Arguments: r.Command.Args[1:], Stdout: r.stdout.String(), Stderr: r.Stderr.String(), Code: r.Command.ProcessState.ExitCode()}
}

// Clfsload runs the binary to its end.
func Clfsload(t *testing.T, arguments ...string) Result {
	t.Helper()
	return Command(t, arguments).Start().Wait()
}

// LockedBuffer collects output that is looked at while it grows.
type LockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *LockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *LockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// AwaitEvents returns when inotify has told of so many events, or the process has ended.
func (r *Run) AwaitEvents(watch, events int) {
	r.T.Helper()
	buf := make([]byte, 1<<16)
	for events > 0 && !r.Ended() {
		_, err := unix.Poll([]unix.PollFd{{Fd: int32(watch), Events: unix.POLLIN}}, 20)
		if err != nil && !errors.Is(err, unix.EINTR) {
			r.T.Fatal(err)
		}
		n, err := unix.Read(watch, buf)
		if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
			continue
		}
		Must(r.T, err)
		for range InotifyEvents(buf[:n]) {
			events--
		}
	}
}

// ResidentLimit is what a load may have in memory at any number of entries.
const ResidentLimit = 300 << 20

// MostResident is the most memory that a running process had so far, in bytes, 0
// if that cannot be told. (What wait4 says of it counts the parent's in.)
func (r *Run) MostResident() (bytes int64) {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", r.Command.Process.Pid))
	_, after, _ := strings.Cut(string(status), "VmHWM:")
	_, _ = fmt.Sscanf(after, "%d kB", &bytes)
	return bytes << 10
}

// InotifyEvents are the watches and masks of what was read from inotify.
func InotifyEvents(read []byte) iter.Seq2[int32, uint32] {
	return func(yield func(id int32, mask uint32) bool) {
		for e := endian.NativeEndian; len(read) > 0; {
			if !yield(int32(e.Uint32(read)), e.Uint32(read[4:])) {
				return
			}
			read = read[unix.SizeofInotifyEvent+e.Uint32(read[12:]):]
		}
	}
}

// Freeze stops the process where it is, and returns when all of its threads have
// stopped, or when it has ended.
func (r *Run) Freeze() error {
	if err := r.Command.Process.Signal(unix.SIGSTOP); err != nil {
		return err
	}
	return unix.Waitid(unix.P_PID, r.Command.Process.Pid, nil, unix.WSTOPPED|unix.WEXITED|unix.WNOWAIT, nil)
}

// Ended tells whether the process is a zombie, that is: over, and not waited for.
func (r *Run) Ended() bool {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", r.Command.Process.Pid))
	if err != nil {
		return true
	}
	_, after, _ := strings.Cut(string(status), ") ")
	return strings.HasPrefix(after, "Z")
}
