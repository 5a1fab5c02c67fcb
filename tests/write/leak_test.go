package write

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"clfsload/tests/harness"
	"clfsload/tests/mounted"
)

// churn makes, fills, reads, renames, links and removes files and directories, that
// many times in each of several directories, and leaves nothing.
func churn(t *testing.T, root string, cycles int) {
	t.Helper()
	const programs = 4
	var running sync.WaitGroup
	failed := make([]error, programs)
	for p := range programs {
		running.Go(func() {
			directory := filepath.Join(root, fmt.Sprint("churn-", p))
			if failed[p] = os.Mkdir(directory, 0o755); failed[p] != nil {
				return
			}
			for n := 0; n < cycles && failed[p] == nil; n++ {
				failed[p] = cycle(directory, n)
			}
			if failed[p] == nil {
				failed[p] = os.Remove(directory)
			}
		})
	}
	running.Wait()
	for _, err := range failed {
		harness.Must(t, err)
	}
}

// cycle leaves the directory as it was.
func cycle(directory string, n int) error {
	file, moved, linked := filepath.Join(directory, "file"), filepath.Join(directory, "moved"), filepath.Join(directory, "linked")
	text := bytes.Repeat([]byte(fmt.Sprintln("cycle", n)), 1+n*37%3000)
	for _, step := range []func() error{
		func() error { return os.WriteFile(file, text, 0o644) },
		func() error { return os.Rename(file, moved) },
		func() error { return os.Link(moved, linked) },
		func() error { return os.Truncate(linked, int64(len(text)/2)) },
		func() error { return os.Remove(moved) },
		func() error {
			got, err := os.ReadFile(linked)
			if err == nil && !bytes.Equal(got, text[:len(text)/2]) {
				err = fmt.Errorf("%s has %d bytes", linked, len(got))
			}
			return err
		},
		func() error { return os.Mkdir(moved, 0o755) },
		func() error { return os.Rename(linked, filepath.Join(moved, "below")) },
		func() error { return os.RemoveAll(moved) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// goroutines ends the process with the signal that makes it list them.
func goroutines(i *mounted.Intake) (count int, list string) {
	i.T.Helper()
	list = i.End(unix.SIGQUIT).Stderr
	return strings.Count("\n"+list, "\ngoroutine "), list
}

// idleReaders is how many goroutines more may wait for requests of the kernel: go-fuse keeps
// some of those that had something to do at the same time.
const idleReaders = 24

// After much has come and gone a mount holds no more than before: no open files, no
// staging files, no goroutines, no blobs.
func TestNothingIsLeftOfWhatComesAndGoes(t *testing.T) {
	flags := []string{"--settle", "10ms"}
	i := mounted.NewIntake(t, flags...)
	harness.WriteFile(t, i.Path("stays"), "stays")
	churn(t, i.Point, 20) // what is kept for later is there now
	i.Publish()
	base, _ := goroutines(i)
	i.Again(flags...)
	churn(t, i.Point, 20)
	i.Publish()
	before := i.Held()
	blobs := len(i.Blobs().Names)
	churn(t, i.Point, 500)
	i.Publish()
	churn(t, i.Point, 100)
	i.Publish()
	end := time.Now().Add(mounted.Deadline)
	for tick := time.NewTicker(100 * time.Millisecond); ; <-tick.C {
		more := i.Held().More(before)
		if len(more) == 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("more is held after:\n%s", strings.Join(more, "\n"))
		}
	}
	i.Publish()
	if now := len(i.Blobs().Names); now > blobs {
		t.Errorf("%d blobs before, %d after", blobs, now)
	}
	now, list := goroutines(i)
	if now > base+idleReaders {
		t.Errorf("%d goroutines before, %d after:\n%s", base, now, harness.Clip(list))
	}
	t.Logf("%d goroutines before, %d after", base, now)
	i.Again(flags...)
	i.EndsPublished()
}
