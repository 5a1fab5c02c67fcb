package resume

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"clfsload/clfs"
	"clfsload/tests/harness"
	"clfsload/tests/inventory"
	"clfsload/tests/remote"
	"clfsload/tests/trees"
)

// directoryWatch tells which directories of a tree are read and closed.
type directoryWatch struct {
	t     *testing.T
	fd    int
	paths map[int32]string
	read  map[string]bool // entries were asked for
	shut  map[string]bool // a descriptor of it was closed
}

// watchDirectories begins to watch every directory below root; the root itself is
// opened by every run and not watched.
func watchDirectories(t *testing.T, root string) *directoryWatch {
	t.Helper()
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	w := &directoryWatch{t: t, fd: fd, paths: map[int32]string{}}
	w.forget()
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		path := filepath.Join(root, entry.Name())
		id, err := unix.InotifyAddWatch(fd, path, unix.IN_ACCESS|unix.IN_CLOSE|unix.IN_ONLYDIR)
		if err != nil {
			t.Fatal(err)
		}
		w.paths[int32(id)] = path
	}
	return w
}

func (w *directoryWatch) forget() {
	w.read, w.shut = map[string]bool{}, map[string]bool{}
}

// look takes the events that there are.
func (w *directoryWatch) look() {
	w.t.Helper()
	buf := make([]byte, 1<<16)
	for {
		n, err := unix.Read(w.fd, buf)
		if errors.Is(err, unix.EAGAIN) {
			return
		}
		if err != nil {
			w.t.Fatal(err)
		}
		for id, mask := range harness.InotifyEvents(buf[:n]) {
			w.note(id, mask)
		}
	}
}

func (w *directoryWatch) note(id int32, mask uint32) {
	w.t.Helper()
	switch {
	case mask&unix.IN_Q_OVERFLOW != 0:
		w.t.Fatal("more events than the kernel keeps")
	case mask&unix.IN_ISDIR == 0: // of a file in the directory
	case mask&unix.IN_ACCESS != 0:
		w.read[w.paths[id]] = true
	case mask&unix.IN_CLOSE != 0:
		w.shut[w.paths[id]] = true
	}
}

// wideTree has directories of some files each.
func wideTree(t *testing.T, directories int) string {
	t.Helper()
	source := t.TempDir()
	for i := range directories {
		directory := filepath.Join(source, fmt.Sprintf("directory-%03d", i))
		harness.MustMkdir(t, directory)
		for j := range 5 {
			harness.WriteFile(t, filepath.Join(directory, fmt.Sprint(j)), fmt.Sprintln(i, j))
		}
	}
	return source
}

// freezeAt runs the load until that many blobs were put, calls while with the
// process frozen, and kills it. The result is nil unless the load ended before.
func freezeAt(k remote.Killed, blobs int, while func()) *harness.Result {
	k.T.Helper()
	r := k.Start()
	frozen := make(chan error, 1)
	k.Container.Await(remote.Moment{Blobs: blobs, Stored: true, Act: func() { frozen <- r.Freeze() }})
	ended := make(chan harness.Result, 1)
	go func() { ended <- r.Wait() }()
	select {
	case res := <-ended:
		return &res
	case err := <-frozen:
		if err != nil {
			k.T.Error(err)
		}
	}
	while()
	_ = r.Command.Process.Kill()
	<-ended
	return nil
}

// A directory is closed when its entries are in the journal. Those that were when
// the process was killed are never read again.
func TestADirectoryThatWasListedIsNotReadAgainAfterAKill(t *testing.T) {
	const directories = 200
	source := wideTree(t, directories)
	watch := watchDirectories(t, source)
	before := trees.List(t, source)
	watch.look()
	watch.forget()
	c := remote.NewMetered(t)
	c.SetLatency(time.Millisecond)
	k := remote.Killed{T: t, Container: c, State: filepath.Join(t.TempDir(), "state"), Source: source, Flags: nil}
	listed := map[string]bool{}
	var counts []int
	for blobs := 2; ; blobs += 150 {
		// What the kill itself closes comes after the look.
		last := freezeAt(k, blobs, watch.look)
		if last != nil {
			last.MustExit(harness.ExitOK)
			watch.look()
		}
		for path := range watch.read {
			if listed[path] {
				t.Errorf("%s was read again", path)
			}
		}
		for path := range watch.shut {
			listed[path] = true
		}
		if last != nil {
			break
		}
		counts = append(counts, len(listed))
		watch.look()
		watch.forget()
	}
	t.Logf("directories listed before each kill: %d", counts)
	if i := slices.IndexFunc(counts, func(n int) bool { return n > 0 && n < directories }); i < 0 {
		t.Errorf("no kill came in the middle of listing")
	}
	trees.MustHold(t, before, c.Inventory(), inventory.Full)
}

// What was uploaded before a kill is not uploaded again, but for the last bytes,
// as many as the budget is: those may be missing from the journal.
func TestALargeFileGoesOnAtItsFirstMissingSegment(t *testing.T) {
	random := trees.SeededRandom(t)
	source := t.TempDir()
	const segments, lost = 20, 64 << 20 / clfs.SegmentBytes
	trees.WriteNoise(t, filepath.Join(source, "large"), segments*clfs.SegmentBytes, random)
	before := trees.List(t, source)
	c := remote.NewMetered(t)
	k := remote.Killed{T: t, Container: c, State: filepath.Join(t.TempDir(), "state"), Source: source, Flags: []string{"--memory", "64MiB"}}
	times := map[string]int{}
	var old []string // segments in the order in which they came first
	for _, blobs := range []int{12, 15, 18, segments + 5} {
		puts, _ := k.Run(blobs, true)
		first, known := 0, len(old) // puts of a run come in any order
		for _, p := range puts {
			if p.Bytes < 1<<20 {
				continue // no data segment
			}
			times[p.Name]++
			if i := slices.Index(old, p.Name); i >= 0 && i < known-lost {
				t.Errorf("segment %d of %d was put again", i, known)
			} else if i < 0 {
				old = append(old, p.Name)
				first++
			}
		}
		t.Logf("%d puts, %d of them new segments", len(puts), first)
	}
	if len(times) != segments {
		t.Errorf("%d segments", len(times))
	}
	if times[old[0]] != 1 {
		t.Errorf("the first segment was put %d times", times[old[0]])
	}
	trees.MustHold(t, before, c.Inventory(), inventory.Full)
}
