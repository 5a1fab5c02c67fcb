package mounted

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/tests/harness"
)

// A Mount is a container that the binary shows. The tests use it; the process
// that serves it never does.
type Mount struct {
	*harness.Run
	Point string
	Log   logFollower
	Ended bool
}

// logFollower reads a log while it is written.
type logFollower struct {
	mu    sync.Mutex
	grown sync.Cond
	text  strings.Builder
	ended bool
}

func (l *logFollower) follow(r io.Reader) {
	l.grown.L = &l.mu
	go func() {
		for lines := bufio.NewScanner(r); lines.Scan(); {
			l.mu.Lock()
			fmt.Fprintln(&l.text, lines.Text())
			l.mu.Unlock()
			l.grown.Broadcast()
		}
		l.mu.Lock()
		l.ended = true
		l.mu.Unlock()
		l.grown.Broadcast()
	}()
}

// await waits until the log has a text, and reports false if it ends without.
func (l *logFollower) await(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for !strings.Contains(l.text.String(), text) {
		if l.ended {
			return false
		}
		l.grown.Wait()
	}
	return true
}

// Whole waits for the end of the log.
func (l *logFollower) Whole() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	for !l.ended {
		l.grown.Wait()
	}
	return l.text.String()
}

// Point makes a directory to mount on.
func Point(t *testing.T) string {
	t.Helper()
	harness.RequireRoot(t)
	point := filepath.Join(t.TempDir(), "mnt")
	if err := os.Mkdir(point, 0o755); err != nil {
		t.Fatal(err)
	}
	return point
}

// ReadOnly mounts a container and returns when it serves.
func ReadOnly(t *testing.T, target string, flags ...string) *Mount {
	t.Helper()
	return ReadOnlyAt(t, Point(t), target, flags...)
}

func ReadOnlyAt(t *testing.T, point, target string, flags ...string) *Mount {
	t.Helper()
	return With(t, point, append([]string{"--read-only", "--target", target}, flags...))
}

// With mounts at a point and returns when the mount serves.
func With(t *testing.T, point string, flags []string, options ...harness.Option) *Mount {
	t.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	m := &Mount{Run: harness.Command(t, append(append([]string{"mount"}, flags...), point), options...), Point: point}
	m.Command.Stderr = write
	m.Start()
	write.Close()
	m.Log.follow(read)
	t.Cleanup(func() { m.cleanUp(); read.Close() })
	m.AwaitLog("msg=mounted ")
	return m
}

// AwaitLog waits until the log has a text.
func (m *Mount) AwaitLog(text string) {
	m.T.Helper()
	if !m.Log.await(text) {
		m.T.Fatalf("the log ended without %q:\n%s", text, m.Log.Whole())
	}
}

// End sends a signal and waits for the process.
func (m *Mount) End(signal syscall.Signal) harness.Result {
	m.T.Helper()
	if err := m.Command.Process.Signal(signal); err != nil {
		m.T.Fatal(err)
	}
	return m.Await()
}

// Await waits for the process to end.
func (m *Mount) Await() harness.Result {
	m.T.Helper()
	log := m.Log.Whole()
	res := m.Wait()
	res.Stderr = log
	m.Ended = true
	return res
}

// cleanUp waits for a process that the end of the test's context has killed, and that may have
// ended by itself at the same moment: its outcome says nothing.
func (m *Mount) cleanUp() {
	if !m.Ended {
		_ = m.Command.Wait()
	}
	// A process that was killed leaves a dead mount.
	_ = unix.Unmount(m.Point, unix.MNT_DETACH)
}

// Path is a path in the mount.
func (m *Mount) Path(name string) string { return filepath.Join(m.Point, name) }

// At reports whether something is mounted at a path.
func At(t *testing.T, point string) bool {
	t.Helper()
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Contains(mounts, []byte(" "+point+" "))
}
