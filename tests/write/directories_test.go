package write

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/tests/harness"
	"clfsload/tests/mounted"
	"clfsload/tests/trees"
)

// readSome lists on from where a directory is open, for about a buffer.
func readSome(t *testing.T, fd int) (all []trees.Dirent) {
	t.Helper()
	buf := make([]byte, 1<<14)
	n, err := unix.Getdents(fd, buf)
	harness.Must(t, err)
	for rest := buf[:n]; len(rest) > 0; {
		length := int(rest[16]) | int(rest[17])<<8
		name := rest[19:length]
		for end, c := range name {
			if c == 0 {
				name = name[:end]
				break
			}
		}
		all = append(all, trees.Dirent{Name: string(name), Number: trees.UnixUint64(rest), Next: int64(trees.UnixUint64(rest[8:]))})
		rest = rest[length:]
	}
	return all
}

func TestALargeDirectoryThatChangesIsListedWhole(t *testing.T) { listsWhileItChanges(t, 20_000) }

// listsWhileItChanges: who lists a large directory while it changes gets each entry
// that stays exactly once, whatever comes and goes.
func listsWhileItChanges(t *testing.T, entries int) {
	t.Helper()
	i := mounted.NewIntake(t)
	d := i.Directory("many")
	trees.Fill(t, d, entries)
	fd, err := unix.Open(d, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	harness.Must(t, err)
	defer unix.Close(fd)
	seen, changed := map[string]int{}, 0
	for some := readSome(t, fd); len(some) > 0; some = readSome(t, fd) {
		for _, e := range some {
			seen[e.Name]++
		}
		// An entry that was seen goes and a new one comes, as long as that has an end.
		if last := some[len(some)-1].Name; strings.HasPrefix(last, "entry-") {
			changed++
			harness.Must(t, unix.Unlink(filepath.Join(d, last)))
			harness.Must(t, unix.Mknod(filepath.Join(d, fmt.Sprint("new-", changed)), unix.S_IFREG, 0))
		}
	}
	stayed := 0
	for name, times := range seen {
		if times != 1 {
			t.Errorf("%s was listed %d times", name, times)
		}
		if strings.HasPrefix(name, "entry-") {
			stayed++
		}
	}
	if stayed != entries || changed < 20 {
		t.Errorf("%d of %d entries were listed, in %d pieces", stayed, entries, changed)
	}
	fromAnywhere(t, d)
}

// fromAnywhere lists from positions in the middle.
func fromAnywhere(t *testing.T, d string) {
	t.Helper()
	all := trees.ReadDirents(t, d, 0)
	for _, n := range []int{0, 1, 2, len(all) / 3, len(all) - 2, len(all) - 1} {
		if rest := trees.ReadDirents(t, d, all[n].Next); len(rest) != len(all)-n-1 {
			t.Errorf("behind entry %d there are %d, want %d", n, len(rest), len(all)-n-1)
		}
	}
	fd, err := unix.Open(d, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	harness.Must(t, err)
	defer unix.Close(fd)
	readSome(t, fd)
	_, err = unix.Seek(fd, 0, io.SeekStart)
	harness.Must(t, err)
	if again := readSome(t, fd); len(again) == 0 || again[0].Name != "." {
		t.Errorf("after a rewind the listing begins with %v", again)
	}
}

func TestEntriesOfADirectorySurviveARemountAtTheirPositions(t *testing.T) {
	i := mounted.NewIntake(t)
	d := i.Directory("some")
	trees.Fill(t, d, 1000)
	before := trees.ReadDirents(t, d, 0)
	i.Remount()
	after := trees.ReadDirents(t, d, 0)
	if fmt.Sprint(before) != fmt.Sprint(after) {
		t.Errorf("%d entries before, %d after the remount, or they are elsewhere", len(before), len(after))
	}
}
