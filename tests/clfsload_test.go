package tests

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// scratch is a directory for the whole run of the tests.
var scratch string

func TestMain(m *testing.M) { os.Exit(runTests(m)) }

// runTests runs the tests of a package, and removes what they shared.
func runTests(m *testing.M) (code int) {
	var err error
	if scratch, err = os.MkdirTemp("", "clfsload-tests-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(scratch)
	return m.Run()
}

// binary builds clfsload, once, with the race detector if the tests have it.
var binary = sync.OnceValues(func() (string, error) {
	path := filepath.Join(scratch, "clfsload")
	arguments := []string{"build", "-buildvcs=false", "-o", path, "-ldflags", "-X main.version=test"}
	if raceEnabled {
		arguments = append(arguments, "-race")
	}
	build := exec.Command("go", append(arguments, "./cmd/clfsload")...)
	build.Dir = moduleRoot()
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

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

// result is what an execution left.
type result struct {
	t         *testing.T
	arguments []string
	stdout    string
	stderr    string
	code      int // -1: ended by a signal
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

// mustExit ends the test unless the exit code was code.
func (r result) mustExit(code int) result {
	r.t.Helper()
	if r.code != code {
		r.t.Fatalf("clfsload %s: exit code %d, not %d\nstdout:\n%s\nstderr:\n%s",
			strings.Join(r.arguments, " "), r.code, code, clip(r.stdout), clip(r.stderr))
	}
	return r
}

// mustSay wants each of the texts in what was printed, on either stream.
func (r result) mustSay(texts ...string) result {
	r.t.Helper()
	for _, text := range texts {
		if !strings.Contains(r.stdout+r.stderr, text) {
			r.t.Errorf("clfsload %s: does not say %q\nstdout:\n%s\nstderr:\n%s",
				strings.Join(r.arguments, " "), text, clip(r.stdout), clip(r.stderr))
		}
	}
	return r
}

// mustNotSay wants the output to be without some texts.
func (r result) mustNotSay(texts ...string) result {
	r.t.Helper()
	for _, text := range texts {
		if strings.Contains(r.stdout+r.stderr, text) {
			r.t.Errorf("says %q:\n%s%s", text, r.stdout, r.stderr)
		}
	}
	return r
}

// clip shortens long output for a message.
func clip(text string) string {
	const most = 4000
	if len(text) <= most {
		return text
	}
	return text[:most/2] + "\n[...]\n" + text[len(text)-most/2:]
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
