package tests

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// residentLimit is what a load may have in memory at any number of entries.
const residentLimit = 300 << 20

// crowd makes a tree of that many entries: directories of a thousand names, of
// small files and links to them.
func crowd(t *testing.T, entries int) string {
	t.Helper()
	source := t.TempDir()
	var first string
	for i := range entries {
		directory := filepath.Join(source, fmt.Sprint("directory-", i/1000))
		if i%1000 == 0 {
			mustMkdir(t, directory)
			continue
		}
		path := filepath.Join(directory, fmt.Sprint("entry-", i))
		if i%4 == 1 {
			first = path
			writeFile(t, path, path)
		} else {
			must(t, os.Link(first, path))
		}
	}
	return source
}

// Whatever the number of entries, a load needs the same memory. A hundred thousand
// are little beside a million, but enough to see what grows.
func TestMemoryDoesNotGrowWithTheNumberOfEntries(t *testing.T) {
	most := map[int]int64{}
	for _, entries := range []int{20_000, 100_000} {
		c := newMeteredContainer(t)
		r := command(t, c.into(filepath.Join(t.TempDir(), "state"), crowd(t, entries), "--new", "--preserve-hardlinks")).start()
		r.wait().mustExit(exitOK)
		usage := r.command.ProcessState.SysUsage().(*syscall.Rusage)
		most[entries] = usage.Maxrss << 10
		t.Logf("%d entries: %d MiB", entries, most[entries]>>20)
	}
	if raceEnabled {
		return // the detector has its own memory
	}
	if most[100_000] > residentLimit {
		t.Errorf("%d bytes, more than %d", most[100_000], residentLimit)
	}
	if few, many := most[20_000], most[100_000]; many > few+few/3 {
		t.Errorf("%d bytes at 20,000 entries, %d at 100,000", few, many)
	}
}
