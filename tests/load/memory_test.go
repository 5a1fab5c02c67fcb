//go:build !race

package load

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"clfsload/tests/harness"
	"clfsload/tests/remote"
	"clfsload/tests/trees"
)

// crowd makes a tree of that many entries: directories of a thousand names, of
// small files and links to them.
func crowd(t *testing.T, entries int) string {
	t.Helper()
	source := t.TempDir()
	var first string
	for i := range entries {
		directory := filepath.Join(source, fmt.Sprint("directory-", i/1000))
		if i%1000 == 0 {
			harness.MustMkdir(t, directory)
			continue
		}
		path := filepath.Join(directory, fmt.Sprint("entry-", i))
		if i%10 == 1 {
			first = path
			harness.WriteFile(t, path, path)
		} else {
			harness.Must(t, os.Link(first, path))
		}
	}
	return source
}

// Whatever the number of entries, a load needs the same memory, once its caches are
// full. This is little beside a million, but enough to see what grows. (Not under
// the race detector, which has its own memory.)
func TestMemoryDoesNotGrowWithTheNumberOfEntries(t *testing.T) {
	most := map[int]int64{}
	for _, entries := range []int{50_000, 150_000} {
		c := remote.NewMetered(t)
		r := harness.Command(t, c.Into(filepath.Join(t.TempDir(), "state"), crowd(t, entries), "--new", "--preserve-hardlinks")).Start()
		c.Await(remote.Moment{Prefix: trees.RootPrefix, Stored: true, Act: func() { most[entries] = r.MostResident() }})
		r.Wait().MustExit(harness.ExitOK)
		t.Logf("%d entries: %d MiB", entries, most[entries]>>20)
	}
	if most[150_000] == 0 || most[150_000] > harness.ResidentLimit {
		t.Errorf("%d bytes, more than %d", most[150_000], harness.ResidentLimit)
	}
	if few, many := most[50_000], most[150_000]; many > few+few/3 {
		t.Errorf("%d bytes at 50,000 entries, %d at 150,000", few, many)
	}
}
