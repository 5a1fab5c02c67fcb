//go:build !race

package write

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"clfsload/tests/harness"
	"clfsload/tests/mounted"
	"clfsload/tests/trees"
)

// populate makes that many files, one in twenty with a few bytes, in directories of a
// thousand, with as many threads as there are processors.
func populate(t *testing.T, root string, files int) {
	t.Helper()
	var makers sync.WaitGroup
	failed := make([]error, runtime.NumCPU())
	for m := range failed {
		makers.Go(func() {
			for d := m; d < files/1000 && failed[m] == nil; d += len(failed) {
				failed[m] = populateDirectory(filepath.Join(root, fmt.Sprint("directory-", d)))
			}
		})
	}
	makers.Wait()
	for _, err := range failed {
		harness.Must(t, err)
	}
}

func populateDirectory(directory string) error {
	if err := unix.Mkdir(directory, 0o755); err != nil {
		return err
	}
	for n := range 1000 {
		path := fmt.Sprint(directory, "/file-", n)
		if err := unix.Mknod(path, unix.S_IFREG|0o644, 0); err != nil {
			return err
		}
		if n%20 != 0 {
			continue
		}
		if err := os.WriteFile(path, []byte(path), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// stream writes one large file at the pace of the mount, and tells that pace in bytes
// a second.
func stream(t *testing.T, path string, size int) float64 {
	t.Helper()
	began := time.Now()
	piece := make([]byte, 1<<20)
	random := trees.SeededRandom(t)
	for n := range piece {
		piece[n] = byte(random.Uint32())
	}
	f, err := os.Create(path)
	harness.Must(t, err)
	defer f.Close()
	for at := 0; at < size; at += len(piece) {
		piece[at>>20%len(piece)]++ // no two segments are equal
		_, err := f.Write(piece)
		harness.Must(t, err)
	}
	return float64(size) / time.Since(began).Seconds()
}

// staysSmall fills a mount with files while a large one is written, uploads and
// publishes all of it, and wants the process to stay small meanwhile.
func staysSmall(t *testing.T, files, large int) {
	t.Helper()
	home := harness.StateInMemory(t)
	i := &mounted.Intake{T: t, State: filepath.Join(home, "state"), Target: "dir:" + filepath.Join(home, "container")}
	i.Mount = mounted.With(t, mounted.Point(t), i.Flags([]string{"--settle", "100ms", "--staging-limit", "256MiB"}))
	began := time.Now()
	populate(t, i.Point, files)
	made := time.Since(began)
	pace := stream(t, i.Path("large"), large)
	i.Publish()
	entries := 0
	harness.Must(t, filepath.WalkDir(i.Point, func(_ string, entry os.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			entries++
		}
		return err
	}))
	if entries != files+1 {
		t.Errorf("%d files, not %d", entries, files+1)
	}
	most := i.MostResident()
	t.Logf("%d files made in %s, %.0f MiB/s written; %d MiB resident", files, made.Round(time.Millisecond), pace/(1<<20), most>>20)
	if most == 0 || most > harness.ResidentLimit {
		t.Errorf("%d bytes, more than %d", most, harness.ResidentLimit)
	}
	i.EndsWell(unix.SIGTERM)
}

func TestAMountOfManyFilesStaysSmall(t *testing.T) { staysSmall(t, 40_000, 256<<20) }
