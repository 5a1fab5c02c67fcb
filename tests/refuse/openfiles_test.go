package refuse

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"clfsload/tests/harness"
	"clfsload/tests/mounted"
	"clfsload/tests/remote"
	"clfsload/tests/trees"
)

// fewFiles is a limit of open files far below what the tests need at a time.
const fewFiles = "ulimit -n 64"

func TestMoreFilesAreOpenInAMountThanItMayOpen(t *testing.T) {
	const files = 500
	i := &mounted.Intake{T: t, State: filepath.Join(t.TempDir(), "state"), Target: "dir:" + filepath.Join(t.TempDir(), "container")}
	i.Mount = mounted.With(t, mounted.Point(t), i.Flags(nil), throughShell(fewFiles))
	var open []*os.File
	for n := range files {
		f, err := os.OpenFile(i.Path(fmt.Sprint("file-", n)), os.O_CREATE|os.O_RDWR, 0o644)
		harness.Must(t, err)
		defer f.Close()
		_, err = fmt.Fprint(f, "contents of ", n)
		harness.Must(t, err)
		open = append(open, f)
	}
	harness.Must(t, os.Remove(i.Path("file-0")))
	harness.Must(t, os.Rename(i.Path("file-1"), i.Path("moved")))
	var g errgroup.Group
	for n, f := range open {
		g.Go(func() error { return useOpenFile(f, n) })
	}
	harness.Must(t, g.Wait())
	for _, f := range open {
		harness.Must(t, f.Close())
	}
	i.Publish()
	i.MustBePublished()
	i.EndsWell(unix.SIGTERM)
}

// useOpenFile makes calls that need the staging file.
func useOpenFile(f *os.File, n int) error {
	want := fmt.Sprint("contents of ", n)
	if err := f.Sync(); err != nil {
		return err
	}
	if _, err := f.WriteAt([]byte("end"), 5000); err != nil {
		return err
	}
	if err := f.Truncate(int64(len(want)) + 1); err != nil {
		return err
	}
	got := make([]byte, len(want))
	if _, err := f.ReadAt(got, 0); err != nil || string(got) != want {
		return fmt.Errorf("%s holds %q, %v", f.Name(), got, err)
	}
	return nil
}

func TestCommandsStayWithinALimitOfOpenFiles(t *testing.T) {
	source := t.TempDir()
	for i := range 20 {
		harness.MustMkdir(t, filepath.Join(source, fmt.Sprint(i)))
		for j := range 50 {
			harness.WriteFile(t, filepath.Join(source, fmt.Sprint(i), fmt.Sprint(j)), fmt.Sprint(i, j))
		}
	}
	limited := func(arguments ...string) harness.Result {
		return harness.Command(t, arguments, throughShell(fewFiles)).Start().Wait().MustExit(harness.ExitOK)
	}
	tr := harness.NewTransfer(t, source)
	limited(tr.Begin("--verify")...)
	trees.MustHoldAll(t, source, trees.DirectoryBlobs(t, tr.Blobs))
	limited("verify", "--source", source, "dir:"+tr.Blobs)
	limited("export", "dir:"+tr.Blobs, filepath.Join(t.TempDir(), "out"))
	c := remote.NewMetered(t)
	limited(c.Into(filepath.Join(t.TempDir(), "state"), source, "--new")...)
	trees.MustHoldAll(t, source, c.Inventory())
}

// The limit that counts is the hard one.
func TestTheSoftLimitOfOpenFilesIsRaised(t *testing.T) {
	tr := harness.NewTransfer(t, trees.ModestTree(t))
	harness.Command(t, tr.Begin(), throughShell("ulimit -S -n 16")).Start().Wait().MustExit(harness.ExitOK)
}

func TestATooSmallLimitOfOpenFilesIsRefusedAndNothingIsLeft(t *testing.T) {
	tr := harness.NewTransfer(t, trees.ModestTree(t))
	harness.Command(t, tr.Begin(), throughShell("ulimit -n 20")).Start().Wait().MustExit(1).MustSay("20 files", "ulimit -n")
	for _, path := range []string{tr.State, tr.Blobs} {
		if _, err := os.Lstat(path); !os.IsNotExist(err) {
			t.Errorf("%s is there", path)
		}
	}
}
