package tests

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// throughShell starts the binary from a shell, after a command of it.
func throughShell(before string) option {
	return func(c *exec.Cmd) {
		c.Args = append([]string{"sh", "-c", before + ` && exec "$0" "$@"`, c.Path}, c.Args[1:]...)
		c.Path = "/bin/sh"
	}
}

// pipeNobodyReads is the writing end of a pipe whose reader is there and reads nothing: the pipe is
// full.
func pipeNobodyReads(t *testing.T) *os.File {
	t.Helper()
	read, write, err := os.Pipe()
	must(t, err)
	t.Cleanup(func() { read.Close(); write.Close() })
	fd := int(write.Fd())
	must(t, unix.SetNonblock(fd, true))
	for _, size := range []int{4096, 1} {
		for err = nil; err == nil; {
			_, err = unix.Write(fd, make([]byte, size))
		}
		if !errors.Is(err, unix.EAGAIN) {
			t.Fatal(err)
		}
	}
	must(t, unix.SetNonblock(fd, false))
	return write
}

// pipeWithoutReader is the writing end of a pipe whose reader is gone.
func pipeWithoutReader(t *testing.T) *os.File {
	t.Helper()
	read, write, err := os.Pipe()
	must(t, err)
	must(t, read.Close())
	t.Cleanup(func() { write.Close() })
	return write
}

// unreadPipes are what standard error may be when nobody reads it.
var unreadPipes = map[string]func(*testing.T) *os.File{"the reader is gone": pipeWithoutReader, "the reader does not read": pipeNobodyReads}

func TestAMountStaysUpWhenNobodyReadsItsStandardError(t *testing.T) {
	for title, pipe := range unreadPipes {
		t.Run(title, func(t *testing.T) {
			s := newServiceManager(t)
			point, state, target := mountPoint(t), filepath.Join(t.TempDir(), "state"), "dir:"+filepath.Join(t.TempDir(), "container")
			r := command(t, []string{"mount", "--log-level", "DEBUG", "--state", state, "--target", target, point}, withEnvironment("NOTIFY_SOCKET="+s.name))
			r.command.Stderr = pipe(t)
			r.start()
			t.Cleanup(func() { _ = unix.Unmount(point, unix.MNT_DETACH) })
			s.mustHear("READY=1")
			writeFile(t, filepath.Join(point, "file"), "contents")
			clfsload(t, "publish", point).mustExit(exitOK)
			if got := readText(t, filepath.Join(point, "file")); got != "contents" {
				t.Errorf("the file holds %q", got)
			}
			clfsload(t, "unmount", point).mustExit(exitOK)
			r.wait().mustExit(exitOK)
		})
	}
}

func TestALoadComesToItsEndWhenNobodyReadsItsStandardError(t *testing.T) {
	source := modestTree(t)
	for title, pipe := range unreadPipes {
		t.Run(title, func(t *testing.T) {
			tr := newTransfer(t, source)
			r := command(t, tr.begin("--log-level", "DEBUG"))
			r.command.Stderr = pipe(t)
			r.start().wait().mustExit(exitOK)
			mustHoldAll(t, source, directoryBlobs(t, tr.blobs))
		})
	}
}

// What prints for somebody ends with the reader, as other programs do.
func TestAListingEndsWithItsReader(t *testing.T) {
	target := loaded(t, modestTree(t))
	r := command(t, []string{"ls", "--recursive", target})
	r.command.Stdout = pipeWithoutReader(t)
	res := r.start().wait()
	if res.code != -1 || res.stderr != "" {
		t.Errorf("it ended with code %d and said %q", res.code, res.stderr)
	}
}

func TestAReadOnlyMountStaysUpWhenItsTerminalIsClosed(t *testing.T) {
	m := mountWith(t, mountPoint(t), []string{"--read-only", "--target", loaded(t, modestTree(t))})
	must(t, m.command.Process.Signal(unix.SIGHUP))
	if _, err := os.ReadDir(m.point); err != nil {
		t.Error(err)
	}
	m.end(unix.SIGTERM).mustExit(exitOK)
}

// What is opened first must not become standard error: log lines would go into it.
func TestALoadWithoutStandardFilesKeepsItsJournal(t *testing.T) {
	tr := newTransfer(t, modestTree(t))
	r := command(t, tr.begin("--log-level", "DEBUG"), throughShell("exec 0<&- 1>&- 2>&-"))
	r.start().wait().mustExit(exitOK)
	clfsload(t, "status", tr.state).mustExit(exitOK).mustSay("complete")
	clfsload(t, "verify", "dir:"+tr.blobs).mustExit(exitOK)
}

func TestALimitOfFileSizesIsToldAndTheLoadGoesOn(t *testing.T) {
	source := modestTree(t)
	tr := newTransfer(t, source)
	for _, limit := range []string{"8", "4096"} { // the journal exceeds one, a segment the other
		r := command(t, tr.begin(), throughShell("ulimit -f "+limit))
		r.start().wait().mustExit(exitNoSpace).mustSay("file too large", "ulimit -f").mustNotPanic()
		must(t, os.RemoveAll(tr.blobs))
		must(t, os.RemoveAll(tr.state))
	}
	clfsload(t, tr.begin()...).mustExit(exitOK)
	mustHoldAll(t, source, directoryBlobs(t, tr.blobs))
}

func TestStatusReadsAStateOnAReadOnlyDisk(t *testing.T) {
	disk := smallDisk(t, "64m")
	tr := newTransfer(t, cutTree(t))
	tr.state = filepath.Join(disk, "state")
	stopInTheMiddle(t, tr)
	must(t, unix.Mount("", disk, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""))
	if s := statusOf(t, tr.state); s.Running || s.Phase != "transfer" || s.ObjectsFound == 0 {
		t.Errorf("it is %+v", s)
	}
	must(t, unix.Mount("", disk, "", unix.MS_REMOUNT, ""))
	clfsload(t, tr.resume()...).mustExit(exitOK)
	must(t, unix.Mount("", disk, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""))
	if s := statusOf(t, tr.state); s.Phase != "complete" {
		t.Errorf("at the end it is %+v", s)
	}
}

// sqlite would map that file, and a disk with small blocks can have no room for what is mapped.
func TestARunningMountHasNoSharedMemoryFile(t *testing.T) {
	i := newIntake(t)
	writeFile(t, i.path("file"), strings.Repeat("x", 1000))
	if _, err := os.Lstat(filepath.Join(i.state, "journal.sqlite-shm")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it is there: %v", err)
	}
	i.endsWell(unix.SIGTERM)
}
