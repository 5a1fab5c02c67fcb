package tests

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// fewFiles is a limit of open files far below what the tests need at a time.
const fewFiles = "ulimit -n 64"

func TestMoreFilesAreOpenInAMountThanItMayOpen(t *testing.T) {
	const files = 500
	i := &intake{t: t, state: filepath.Join(t.TempDir(), "state"), target: "dir:" + filepath.Join(t.TempDir(), "container")}
	i.mount = mountWith(t, mountPoint(t), i.flags(nil), throughShell(fewFiles))
	var open []*os.File
	for n := range files {
		f, err := os.OpenFile(i.path(fmt.Sprint("file-", n)), os.O_CREATE|os.O_RDWR, 0o644)
		must(t, err)
		defer f.Close()
		_, err = fmt.Fprint(f, "contents of ", n)
		must(t, err)
		open = append(open, f)
	}
	must(t, os.Remove(i.path("file-0")))
	must(t, os.Rename(i.path("file-1"), i.path("moved")))
	var g errgroup.Group
	for n, f := range open {
		g.Go(func() error { return useOpenFile(f, n) })
	}
	must(t, g.Wait())
	for _, f := range open {
		must(t, f.Close())
	}
	i.publish()
	i.mustBePublished()
	i.endsWell(unix.SIGTERM)
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
		mustMkdir(t, filepath.Join(source, fmt.Sprint(i)))
		for j := range 50 {
			writeFile(t, filepath.Join(source, fmt.Sprint(i), fmt.Sprint(j)), fmt.Sprint(i, j))
		}
	}
	limited := func(arguments ...string) result {
		return command(t, arguments, throughShell(fewFiles)).start().wait().mustExit(exitOK)
	}
	tr := newTransfer(t, source)
	limited(tr.begin("--verify")...)
	mustHoldAll(t, source, directoryBlobs(t, tr.blobs))
	limited("verify", "--source", source, "dir:"+tr.blobs)
	limited("export", "dir:"+tr.blobs, filepath.Join(t.TempDir(), "out"))
	c := newMeteredContainer(t)
	limited(c.into(filepath.Join(t.TempDir(), "state"), source, "--new")...)
	mustHoldAll(t, source, c.inventory())
}

// The limit that counts is the hard one.
func TestTheSoftLimitOfOpenFilesIsRaised(t *testing.T) {
	tr := newTransfer(t, modestTree(t))
	command(t, tr.begin(), throughShell("ulimit -S -n 16")).start().wait().mustExit(exitOK)
}

func TestATooSmallLimitOfOpenFilesIsRefusedAndNothingIsLeft(t *testing.T) {
	tr := newTransfer(t, modestTree(t))
	command(t, tr.begin(), throughShell("ulimit -n 20")).start().wait().mustExit(1).mustSay("20 files", "ulimit -n")
	for _, path := range []string{tr.state, tr.blobs} {
		if _, err := os.Lstat(path); !os.IsNotExist(err) {
			t.Errorf("%s is there", path)
		}
	}
}
