package state

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"clfsload/clfs"
)

// chain makes directories, each in the one before, and returns the last.
func chain(t *testing.T, j *Journal, depth int) Node {
	t.Helper()
	n := Node{Inode: Inode{Ino: RootIno}}
	for range depth {
		n = addNode(t, j, n.Ino, "d", Attr{Type: clfs.TypeDirectory, Mode: 0o40755})
	}
	return n
}

func TestThePathOfADirectoryOfAMountIsOneQueryHoweverDeepItIs(t *testing.T) {
	j := newMount(t)
	const depth = 2000
	n := chain(t, j, depth)
	want := strings.Repeat("/d", depth)[1:]
	if got, err := j.Path(t.Context(), n.Inode); got != want || err != nil {
		t.Errorf("a path of %d bytes, %v", len(got), err)
	}
	s, err := j.BeginPublish(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var path string
	allocated := testing.AllocsPerRun(1, func() { path, err = s.Path(t.Context(), n) })
	if path != want || err != nil {
		t.Errorf("a path of %d bytes in the snapshot, %v", len(path), err)
	}
	if most := 10.0 * depth; allocated > most {
		t.Errorf("%.0f allocations for %d levels", allocated, depth)
	}
}

func TestThePathOfWhatIsNotInTheJournalIsAnError(t *testing.T) {
	j := newMount(t)
	n := addNode(t, j, RootIno, "d", Attr{Type: clfs.TypeDirectory, Mode: 0o40755})
	if _, err := j.Path(t.Context(), Inode{Ino: 99, Parent: 98, Name: []byte("x")}); err == nil {
		t.Error("no error")
	}
	if got, err := j.Path(t.Context(), n.Inode); got != "d" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

func TestAPathInALoadIsKeptHoweverDeepItIs(t *testing.T) {
	j, dir := newJournal(t)
	name := strings.Repeat("n", 200)
	paths := 0.0
	for i := range 100 {
		entry := Entry{Name: fmt.Appendf(nil, "%s%d", name, i), Attr: Attr{Type: clfs.TypeDirectory, Mode: 0o40755, Nlink: 2, Ino: uint64(100 + i)}}
		if err := j.AddEntries(t.Context(), dir, []Entry{entry}, true); err != nil {
			t.Fatal(err)
		}
		dir = row(t, j, Ino(clfs.FirstSequence+1+i))
		before := mallocs()
		if _, err := j.Path(t.Context(), dir); err != nil {
			t.Fatal(err)
		}
		paths = float64(mallocs() - before)
	}
	if paths > 1000 {
		t.Errorf("the path of the last of 100 levels took %.0f allocations", paths)
	}
}

func mallocs() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Mallocs
}
