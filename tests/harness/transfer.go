package harness

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// StopInTheMiddle leaves a load that was stopped with a part of the source done,
// and all of its journal in the database file.
func StopInTheMiddle(t *testing.T, tr Transfer) {
	t.Helper()
	r := Command(t, tr.Begin("--concurrency", "1", "--preserve-hardlinks")).Start()
	WaitForBlobs(r, tr.Blobs, 200)
	Must(t, r.Command.Process.Signal(unix.SIGTERM))
	r.Wait().MustExit(ExitTerminated)
	if info, err := os.Stat(filepath.Join(tr.State, "journal.sqlite-wal")); err == nil && info.Size() > 0 {
		t.Fatalf("a stopped load leaves %d bytes outside of its database", info.Size())
	}
}

// Transfer is a load into a directory: its three places.
type Transfer struct {
	State  string // does not exist yet
	Source string
	Blobs  string // the directory of the container, does not exist yet
}

func NewTransfer(t *testing.T, source string) Transfer {
	t.Helper()
	directory := t.TempDir()
	return Transfer{State: filepath.Join(directory, "state"), Source: source, Blobs: filepath.Join(directory, "container")}
}

// Begin is the command line of the first run.
func (tr Transfer) Begin(flags ...string) []string {
	return append([]string{"load", "--new", tr.State, tr.Source, "dir:" + tr.Blobs}, flags...)
}

// Resume is the command line of every further run.
func (tr Transfer) Resume(flags ...string) []string {
	return append([]string{"load", tr.State, tr.Source, "dir:" + tr.Blobs}, flags...)
}

// Loaded loads a tree into a container on disk.
func Loaded(t *testing.T, source string) (target string) {
	t.Helper()
	directory := t.TempDir()
	target = "dir:" + filepath.Join(directory, "container")
	Clfsload(t, "load", "--new", "--preserve-hardlinks", filepath.Join(directory, "state"), source, target).MustExit(ExitOK)
	return target
}

// Places is where a refused load might leave something.
type Places struct {
	Directory string // of the test, holds the others
	Source    string // has one file
	State     string // does not exist
	Blobs     string // does not exist
}

func NewPlaces(t *testing.T) Places {
	t.Helper()
	directory := t.TempDir()
	p := Places{Directory: directory, Source: filepath.Join(directory, "source"), State: filepath.Join(directory, "state"), Blobs: filepath.Join(directory, "container")}
	if err := os.Mkdir(p.Source, 0o755); err != nil {
		t.Fatal(err)
	}
	WriteFile(t, filepath.Join(p.Source, "file"), "contents")
	return p
}

// WaitForBlobs returns when the container of a running load has that many
// blobs, or when the load ended.
func WaitForBlobs(r *Run, blobs string, count int) {
	for tick := time.NewTicker(2 * time.Millisecond); ; <-tick.C {
		if entries, err := os.ReadDir(blobs); err == nil && len(entries) >= count {
			return
		}
		if syscall.Kill(r.Command.Process.Pid, 0) != nil || r.Ended() {
			return
		}
	}
}
