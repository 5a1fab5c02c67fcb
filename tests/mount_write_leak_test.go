package tests

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
		must(t, err)
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
func goroutines(i *intake) (count int, list string) {
	i.t.Helper()
	list = i.end(unix.SIGQUIT).stderr
	return strings.Count("\n"+list, "\ngoroutine "), list
}

// idleReaders is how many goroutines more may wait for requests of the kernel: go-fuse keeps
// some of those that had something to do at the same time.
const idleReaders = 24

// After much has come and gone a mount holds no more than before: no open files, no
// staging files, no goroutines, no blobs.
func TestNothingIsLeftOfWhatComesAndGoes(t *testing.T) {
	flags := []string{"--settle", "10ms"}
	i := newIntake(t, flags...)
	writeFile(t, i.path("stays"), "stays")
	churn(t, i.point, 20) // what is kept for later is there now
	i.publish()
	base, _ := goroutines(i)
	i.again(flags...)
	churn(t, i.point, 20)
	i.publish()
	before := i.held()
	blobs := len(i.blobs().Names)
	churn(t, i.point, 500)
	i.publish()
	churn(t, i.point, 100)
	i.publish()
	end := time.Now().Add(deadline)
	for tick := time.NewTicker(100 * time.Millisecond); ; <-tick.C {
		more := i.held().more(before)
		if len(more) == 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("more is held after:\n%s", strings.Join(more, "\n"))
		}
	}
	i.publish()
	if now := len(i.blobs().Names); now > blobs {
		t.Errorf("%d blobs before, %d after", blobs, now)
	}
	now, list := goroutines(i)
	if now > base+idleReaders {
		t.Errorf("%d goroutines before, %d after:\n%s", base, now, clip(list))
	}
	t.Logf("%d goroutines before, %d after", base, now)
	i.again(flags...)
	i.endsPublished()
}
