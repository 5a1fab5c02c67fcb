package resume

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/clfs"
	"clfsload/tests/harness"
	"clfsload/tests/remote"
	"clfsload/tests/trees"
)

// inPlace is a file of several segments that is overwritten in place while a load reads it. All of
// a version tells which one it is.
type inPlace struct {
	t      *testing.T
	path   string
	random *rand.Rand

	mu      sync.Mutex
	version int
}

// versionText is what a version of the file holds.
func versionText(version, size int) string {
	line := fmt.Sprintf("this is version %d\n", version)
	return strings.Repeat(line, size/len(line)+1)[:size]
}

// overwrite gives the file the next version, of another size or of the same one, with a new time
// of modification or with the old one.
func (f *inPlace) overwrite() {
	f.t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	was, err := os.Stat(f.path)
	harness.Must(f.t, err)
	size := int(was.Size())
	if f.random.IntN(2) == 0 {
		size = clfs.FirstSegmentBytes + 1 + f.random.IntN(4*clfs.SegmentBytes)
	}
	f.version++
	file, err := os.OpenFile(f.path, os.O_WRONLY, 0)
	harness.Must(f.t, err)
	_, err = file.WriteString(versionText(f.version, size))
	harness.Must(f.t, err)
	harness.Must(f.t, file.Truncate(int64(size)))
	harness.Must(f.t, file.Close())
	if f.random.IntN(2) == 0 {
		harness.Must(f.t, os.Chtimes(f.path, was.ModTime(), was.ModTime()))
	}
}

// rewritten is a load of the file that is killed and goes on.
type rewritten struct {
	t         *testing.T
	container *remote.Lethal
	file      *inPlace
	random    *rand.Rand
	flags     []string
}

// run overwrites the file once or twice while a load reads it, kills the load at that moment or
// later, and goes on.
func (r *rewritten) run() {
	r.t.Helper()
	c, f := r.container, r.file
	state, source := filepath.Join(r.t.TempDir(), "state"), filepath.Dir(f.path)
	first := 1 + r.random.IntN(3)
	second := first + 1 + r.random.IntN(5)
	dead := r.random.IntN(3) == 0 // the second time comes when nobody reads it
	segments := 0
	load := harness.Command(r.t, c.Into(state, source, append([]string{"--new"}, r.flags...)...))
	c.Before(func(name string) {
		if !trees.IsContents(name) {
			return
		}
		r.file.mu.Lock()
		segments++
		n := segments
		r.file.mu.Unlock()
		switch n {
		case first:
			f.overwrite()
		case second:
			if dead { // at once: what it has read to the end by then stays as it is
				load.Kill()
				return
			}
			f.overwrite()
			c.At(1+r.random.IntN(5), r.random.IntN(2) == 0, load.Kill)
		}
	})
	res := load.Start().Wait()
	c.Bury()
	c.Before(nil)
	if res.Code == -1 && dead {
		f.overwrite()
	}
	what := fmt.Sprintf("overwritten at segments %d and %d (dead: %v), exit code %d", first, second, dead, res.Code)
	r.t.Log(what)
	for path, text := range trees.Exported(r.t, c.Inventory()) {
		var version int
		if _, err := fmt.Sscanf(text, "this is version %d", &version); err != nil || text != versionText(version, len(text)) {
			r.t.Errorf("%s: readers find a mixture at %s", what, path)
		}
	}
	if res.Code == -1 {
		res = harness.Clfsload(r.t, c.Into(state, source, r.flags...)...)
	}
	res.MustExit(harness.ExitOK)
	trees.MustHold(r.t, trees.List(r.t, source), trees.Lived(c.Inventory()), trees.AsLeft)
	if r.t.Failed() {
		r.t.Fatal(what)
	}
}

// rewriteAndKill runs loads into containers that begin with those blobs.
func rewriteAndKill(t *testing.T, into bool) {
	t.Helper()
	t.Parallel()
	random := trees.SeededRandom(t)
	for range trees.Often(5) {
		f := &inPlace{t: t, path: filepath.Join(t.TempDir(), "file"), random: random}
		harness.WriteFile(t, f.path, versionText(0, clfs.FirstSegmentBytes+3*clfs.SegmentBytes-1))
		r := &rewritten{t: t, container: remote.NewLethal(t), file: f, random: random, flags: []string{"--memory", "64MiB"}}
		if into {
			r.flags = append(r.flags, "--into", "/", "--update")
			harness.Clfsload(t, r.container.Into(filepath.Join(t.TempDir(), "state"), filepath.Dir(f.path), "--new")...).MustExit(harness.ExitOK)
			harness.Must(t, unix.Utimes(f.path, []unix.Timeval{{Sec: 1}, {Sec: 1}}))
			f.overwrite()
		}
		r.run()
	}
}

// A file that changes while it is read, is overwritten in place once more and meets a kill is in the
// container as it is at last, from its first byte to its last.
func TestAFileOverwrittenInPlaceAroundAKillIsLoadedAsItIsAtLast(t *testing.T) {
	rewriteAndKill(t, false)
}

// So is one that replaces another.
func TestAFileOverwrittenInPlaceAroundAKillReplacesAnotherAsItIsAtLast(t *testing.T) {
	rewriteAndKill(t, true)
}
