//go:build !race

package load

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"clfsload/clfs"
	"clfsload/tests/harness"
	"clfsload/tests/mounted"
	"clfsload/tests/remote"
	"clfsload/tests/trees"
)

// sparseSegments is how many segments the largest file of the tests has. 10 TB would take hours; a
// test of the package engine has a file of that size in the journal.
var sparseSegments = harness.Scaled(300, 100_000)

// lostSegments is how many segments of a hole a killed load may have put and not recorded: the
// memory budget, which bounds that, is for compressed bytes.
var lostSegments = 50 + sparseSegments/100

// sparseFile makes a file of sparseSegments segments that is a hole with some data, and returns its
// size. The data is in the first bytes, in the middle and at the end.
func sparseFile(t *testing.T, path string) (size int64) {
	t.Helper()
	size = clfs.FirstSegmentBytes + int64(sparseSegments)*clfs.SegmentBytes - 5
	harness.WriteFile(t, path, "at the beginning")
	harness.Must(t, os.Truncate(path, size))
	harness.WriteAt(t, path, []byte("in the middle"), size/2)
	harness.WriteAt(t, path, []byte("at the end"), size-10)
	return size
}

// bytesRead is how many bytes a running process has read so far, from files and connections.
func bytesRead(r *harness.Run) (bytes int64) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/io", r.Command.Process.Pid))
	_, _ = fmt.Sscanf(string(text), "rchar: %d", &bytes)
	return bytes
}

// The load of a huge file that is killed at half goes on there: it neither reads nor puts again what
// was recorded, and needs little memory.
func TestTheLoadOfAHugeSparseFileThatIsKilledGoesOnAtHalf(t *testing.T) {
	home := harness.StateInMemory(t)
	source, state := filepath.Join(home, "source"), filepath.Join(home, "state")
	harness.MustMkdir(t, source)
	size := sparseFile(t, filepath.Join(source, "file"))
	c := remote.NewMetered(t)
	c.Squeeze()
	k := remote.Killed{T: t, Container: c, State: state, Source: source, Flags: nil}
	first, killed := k.Run(sparseSegments/2, true)
	if !killed {
		t.Fatal("the load has ended before")
	}
	r := k.Start()
	var read, resident int64
	c.Await(remote.Moment{Prefix: trees.RootPrefix, Stored: true, Act: func() { read, resident = bytesRead(r), r.MostResident() }})
	r.Wait().MustExit(harness.ExitOK)
	again := c.Taken()

	t.Logf("%d and %d puts; the second run has read %d of %d bytes, and had %d MiB", len(first), len(again), read, size, resident>>20)
	segments := map[string]bool{}
	for _, put := range append(first, again...) {
		if trees.IsContents(put.Name) {
			segments[put.Name] = true
		}
	}
	if len(segments) != sparseSegments {
		t.Errorf("%d segments, not %d", len(segments), sparseSegments)
	}
	rest := sparseSegments - sparseSegments/2 + lostSegments
	if n := len(again); n > rest+rest/clfs.IndirectFanout+100 {
		t.Errorf("%d blobs were put again", n)
	}
	if read == 0 || read > int64(rest)*clfs.SegmentBytes+(64<<20) {
		t.Errorf("%d bytes were read again, of %d", read, size)
	}
	if resident == 0 || resident > harness.ResidentLimit {
		t.Errorf("%d bytes of memory, more than %d", resident, harness.ResidentLimit)
	}
	mustHaveSparse(t, c, size)
}

// mustHaveSparse wants the container to be sound, and to have the data where it belongs.
func mustHaveSparse(t *testing.T, c *remote.Metered, size int64) {
	t.Helper()
	harness.Clfsload(t, "verify", c.URL).MustExit(harness.ExitOK).MustSay("sound")
	point := mounted.ReadOnly(t, c.URL).Point
	f, err := os.Open(filepath.Join(point, "file"))
	harness.Must(t, err)
	defer f.Close()
	for at, want := range map[int64]string{0: "at the beginning", size / 2: "in the middle", size - 10: "at the end"} {
		got := make([]byte, len(want)+100)
		n, _ := f.ReadAt(got, at)
		if text := strings.TrimRight(string(got[:n]), "\x00"); text != want {
			t.Errorf("%q at %d, not %q", text, at, want)
		}
	}
	if info, err := f.Stat(); err != nil || info.Size() != size {
		t.Errorf("it has %v, %v", info, err)
	}
}
