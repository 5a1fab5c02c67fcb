package refuse

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/tests/harness"
	"clfsload/tests/mounted"
	"clfsload/tests/trees"
)

// throughShell starts the binary from a shell, after a command of it.
func throughShell(before string) harness.Option {
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
	harness.Must(t, err)
	t.Cleanup(func() { read.Close(); write.Close() })
	fd := int(write.Fd())
	harness.Must(t, unix.SetNonblock(fd, true))
	for _, size := range []int{4096, 1} {
		for err = nil; err == nil; {
			_, err = unix.Write(fd, make([]byte, size))
		}
		if !errors.Is(err, unix.EAGAIN) {
			t.Fatal(err)
		}
	}
	harness.Must(t, unix.SetNonblock(fd, false))
	return write
}

// pipeWithoutReader is the writing end of a pipe whose reader is gone.
func pipeWithoutReader(t *testing.T) *os.File {
	t.Helper()
	read, write, err := os.Pipe()
	harness.Must(t, err)
	harness.Must(t, read.Close())
	t.Cleanup(func() { write.Close() })
	return write
}

// unreadPipes are what standard error may be when nobody reads it.
var unreadPipes = map[string]func(*testing.T) *os.File{"the reader is gone": pipeWithoutReader, "the reader does not read": pipeNobodyReads}

func TestAMountStaysUpWhenNobodyReadsItsStandardError(t *testing.T) {
	for title, pipe := range unreadPipes {
		t.Run(title, func(t *testing.T) {
			s := mounted.NewServiceManager(t)
			point, state, target := mounted.Point(t), filepath.Join(t.TempDir(), "state"), "dir:"+filepath.Join(t.TempDir(), "container")
			r := harness.Command(t, []string{"mount", "--log-level", "DEBUG", "--state", state, "--target", target, point}, harness.WithEnvironment("NOTIFY_SOCKET="+s.Name))
			r.Command.Stderr = pipe(t)
			r.Start()
			t.Cleanup(func() { _ = unix.Unmount(point, unix.MNT_DETACH) })
			s.MustHear("READY=1")
			harness.WriteFile(t, filepath.Join(point, "file"), "contents")
			harness.Clfsload(t, "publish", point).MustExit(harness.ExitOK)
			if got := harness.ReadText(t, filepath.Join(point, "file")); got != "contents" {
				t.Errorf("the file holds %q", got)
			}
			harness.Clfsload(t, "unmount", point).MustExit(harness.ExitOK)
			r.Wait().MustExit(harness.ExitOK)
		})
	}
}

func TestALoadComesToItsEndWhenNobodyReadsItsStandardError(t *testing.T) {
	source := trees.ModestTree(t)
	for title, pipe := range unreadPipes {
		t.Run(title, func(t *testing.T) {
			tr := harness.NewTransfer(t, source)
			r := harness.Command(t, tr.Begin("--log-level", "DEBUG"))
			r.Command.Stderr = pipe(t)
			r.Start().Wait().MustExit(harness.ExitOK)
			trees.MustHoldAll(t, source, trees.DirectoryBlobs(t, tr.Blobs))
		})
	}
}

// What prints for somebody ends with the reader, as other programs do.
func TestAListingEndsWithItsReader(t *testing.T) {
	target := harness.Loaded(t, trees.ModestTree(t))
	r := harness.Command(t, []string{"ls", "--recursive", target})
	r.Command.Stdout = pipeWithoutReader(t)
	res := r.Start().Wait()
	if res.Code != -1 || res.Stderr != "" {
		t.Errorf("it ended with code %d and said %q", res.Code, res.Stderr)
	}
}

func TestAReadOnlyMountStaysUpWhenItsTerminalIsClosed(t *testing.T) {
	m := mounted.With(t, mounted.Point(t), []string{"--read-only", "--target", harness.Loaded(t, trees.ModestTree(t))})
	harness.Must(t, m.Command.Process.Signal(unix.SIGHUP))
	if _, err := os.ReadDir(m.Point); err != nil {
		t.Error(err)
	}
	m.End(unix.SIGTERM).MustExit(harness.ExitOK)
}

// What is opened first must not become standard error: log lines would go into it.
func TestALoadWithoutStandardFilesKeepsItsJournal(t *testing.T) {
	tr := harness.NewTransfer(t, trees.ModestTree(t))
	r := harness.Command(t, tr.Begin("--log-level", "DEBUG"), throughShell("exec 0<&- 1>&- 2>&-"))
	r.Start().Wait().MustExit(harness.ExitOK)
	harness.Clfsload(t, "status", tr.State).MustExit(harness.ExitOK).MustSay("complete")
	harness.Clfsload(t, "verify", "dir:"+tr.Blobs).MustExit(harness.ExitOK)
}

func TestALimitOfFileSizesIsToldAndTheLoadGoesOn(t *testing.T) {
	source := trees.ModestTree(t)
	tr := harness.NewTransfer(t, source)
	for _, limit := range []string{"8", "4096"} { // the journal exceeds one, a segment the other
		r := harness.Command(t, tr.Begin(), throughShell("ulimit -f "+limit))
		r.Start().Wait().MustExit(harness.ExitNoSpace).MustSay("file too large", "ulimit -f").MustNotPanic()
		harness.Must(t, os.RemoveAll(tr.Blobs))
		harness.Must(t, os.RemoveAll(tr.State))
	}
	harness.Clfsload(t, tr.Begin()...).MustExit(harness.ExitOK)
	trees.MustHoldAll(t, source, trees.DirectoryBlobs(t, tr.Blobs))
}

func TestStatusReadsAStateOnAReadOnlyDisk(t *testing.T) {
	disk := harness.SmallDisk(t, "64m")
	tr := harness.NewTransfer(t, trees.CutTree(t))
	tr.State = filepath.Join(disk, "state")
	harness.StopInTheMiddle(t, tr)
	harness.Must(t, unix.Mount("", disk, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""))
	if s := harness.StatusOf(t, tr.State); s.Running || s.Phase != "transfer" || s.ObjectsFound == 0 {
		t.Errorf("it is %+v", s)
	}
	harness.Must(t, unix.Mount("", disk, "", unix.MS_REMOUNT, ""))
	harness.Clfsload(t, tr.Resume()...).MustExit(harness.ExitOK)
	harness.Must(t, unix.Mount("", disk, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""))
	if s := harness.StatusOf(t, tr.State); s.Phase != "complete" {
		t.Errorf("at the end it is %+v", s)
	}
}

// sqlite would map that file, and a disk with small blocks can have no room for what is mapped.
func TestARunningMountHasNoSharedMemoryFile(t *testing.T) {
	i := mounted.NewIntake(t)
	harness.WriteFile(t, i.Path("file"), strings.Repeat("x", 1000))
	if _, err := os.Lstat(filepath.Join(i.State, "journal.sqlite-shm")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it is there: %v", err)
	}
	i.EndsWell(unix.SIGTERM)
}
