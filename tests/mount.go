package tests

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
)

// A mount is a container that the binary shows. The tests use it; the process
// that serves it never does.
type mount struct {
	*run
	point string
	log   logFollower
	ended bool
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

// whole waits for the end of the log.
func (l *logFollower) whole() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	for !l.ended {
		l.grown.Wait()
	}
	return l.text.String()
}

// mountPoint makes a directory to mount on.
func mountPoint(t *testing.T) string {
	t.Helper()
	requireRoot(t)
	point := filepath.Join(t.TempDir(), "mnt")
	if err := os.Mkdir(point, 0o755); err != nil {
		t.Fatal(err)
	}
	return point
}

// mountContainer mounts a container and returns when it serves.
func mountContainer(t *testing.T, target string, flags ...string) *mount {
	t.Helper()
	return mountAt(t, mountPoint(t), target, flags...)
}

func mountAt(t *testing.T, point, target string, flags ...string) *mount {
	t.Helper()
	return mountWith(t, point, append([]string{"--read-only", "--target", target}, flags...))
}

// mountWith mounts at a point and returns when the mount serves.
func mountWith(t *testing.T, point string, flags []string, options ...option) *mount {
	t.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	m := &mount{run: command(t, append(append([]string{"mount"}, flags...), point), options...), point: point}
	m.command.Stderr = write
	m.start()
	write.Close()
	m.log.follow(read)
	t.Cleanup(func() { m.cleanUp(); read.Close() })
	m.awaitLog("msg=mounted ")
	return m
}

// awaitLog waits until the log has a text.
func (m *mount) awaitLog(text string) {
	m.t.Helper()
	if !m.log.await(text) {
		m.t.Fatalf("the log ended without %q:\n%s", text, m.log.whole())
	}
}

// end sends a signal and waits for the process.
func (m *mount) end(signal syscall.Signal) result {
	m.t.Helper()
	if err := m.command.Process.Signal(signal); err != nil {
		m.t.Fatal(err)
	}
	return m.await()
}

// await waits for the process to end.
func (m *mount) await() result {
	m.t.Helper()
	log := m.log.whole()
	res := m.wait()
	res.stderr = log
	m.ended = true
	return res
}

// cleanUp waits for a process that the end of the test's context has killed, and that may have
// ended by itself at the same moment: its outcome says nothing.
func (m *mount) cleanUp() {
	if !m.ended {
		_ = m.command.Wait()
	}
	// A process that was killed leaves a dead mount.
	_ = unix.Unmount(m.point, unix.MNT_DETACH)
}

// path is a path in the mount.
func (m *mount) path(name string) string { return filepath.Join(m.point, name) }

// isMounted reports whether something is mounted at a path.
func isMounted(t *testing.T, point string) bool {
	t.Helper()
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Contains(mounts, []byte(" "+point+" "))
}
