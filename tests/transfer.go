package tests

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// stopInTheMiddle leaves a load that was stopped with a part of the source done,
// and all of its journal in the database file.
func stopInTheMiddle(t *testing.T, tr transfer) {
	t.Helper()
	r := command(t, tr.begin("--concurrency", "1", "--preserve-hardlinks")).start()
	waitForBlobs(r, tr.blobs, 200)
	must(t, r.command.Process.Signal(unix.SIGTERM))
	r.wait().mustExit(exitTerminated)
	if info, err := os.Stat(filepath.Join(tr.state, "journal.sqlite-wal")); err == nil && info.Size() > 0 {
		t.Fatalf("a stopped load leaves %d bytes outside of its database", info.Size())
	}
}

// transfer is a load into a directory: its three places.
type transfer struct {
	state  string // does not exist yet
	source string
	blobs  string // the directory of the container, does not exist yet
}

func newTransfer(t *testing.T, source string) transfer {
	t.Helper()
	directory := t.TempDir()
	return transfer{state: filepath.Join(directory, "state"), source: source, blobs: filepath.Join(directory, "container")}
}

// begin is the command line of the first run.
func (tr transfer) begin(flags ...string) []string {
	return append([]string{"load", "--new", tr.state, tr.source, "dir:" + tr.blobs}, flags...)
}

// resume is the command line of every further run.
func (tr transfer) resume(flags ...string) []string {
	return append([]string{"load", tr.state, tr.source, "dir:" + tr.blobs}, flags...)
}

// loaded loads a tree into a container on disk.
func loaded(t *testing.T, source string) (target string) {
	t.Helper()
	directory := t.TempDir()
	target = "dir:" + filepath.Join(directory, "container")
	clfsload(t, "load", "--new", "--preserve-hardlinks", filepath.Join(directory, "state"), source, target).mustExit(exitOK)
	return target
}

// places is where a refused load might leave something.
type places struct {
	directory string // of the test, holds the others
	source    string // has one file
	state     string // does not exist
	blobs     string // does not exist
}

func newPlaces(t *testing.T) places {
	t.Helper()
	directory := t.TempDir()
	p := places{directory: directory, source: filepath.Join(directory, "source"), state: filepath.Join(directory, "state"), blobs: filepath.Join(directory, "container")}
	if err := os.Mkdir(p.source, 0o755); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(p.source, "file"), "contents")
	return p
}

// waitForBlobs returns when the container of a running load has that many
// blobs, or when the load ended.
func waitForBlobs(r *run, blobs string, count int) {
	for tick := time.NewTicker(2 * time.Millisecond); ; <-tick.C {
		if entries, err := os.ReadDir(blobs); err == nil && len(entries) >= count {
			return
		}
		if syscall.Kill(r.command.Process.Pid, 0) != nil || r.ended() {
			return
		}
	}
}
