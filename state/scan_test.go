package state

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"clfsload/clfs"
	"clfsload/state/scan"
	"clfsload/state/store"
)

func TestAListingThatIsRepeatedFindsTheSameHandles(t *testing.T) {
	j, root := newJournal(t)
	var list []Entry
	for i := range 500 {
		list = append(list, file(fmt.Sprintf("f%03d", i), int64(i)), subdir(fmt.Sprintf("d%03d", i)))
	}
	add(t, j, root, list[:400]...)
	before := children(t, j, RootIno)
	slices.Reverse(list) // a directory may be listed in another order
	if err := j.AddEntries(t.Context(), root, list, true); err != nil {
		t.Fatal(err)
	}
	after := map[string]SnapshotChild{}
	for _, c := range children(t, j, RootIno) {
		after[string(c.Name)] = c
	}
	if len(after) != 1000 {
		t.Errorf("%d entries", len(after))
	}
	for _, c := range before {
		if after[string(c.Name)].ID != c.ID {
			t.Errorf("%s has another handle than before", c.Name)
		}
	}
	if slices.Contains(unscanned(t, j), RootIno) {
		t.Error("the directory does not count as scanned")
	}
	if err := checkRows(j); err != nil {
		t.Error(err)
	}
}

func TestAContextThatEndedAddsNothing(t *testing.T) {
	j, root := newJournal(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("stopped")
	cancel(stopped)
	// An update that is taken nevertheless is committed whole: both are right.
	err := j.AddEntries(ctx, root, []Entry{file("a", 1)}, true)
	if got := j.Totals().FoundEntries; err != nil && (!errors.Is(err, stopped) || got != 1) || err == nil && got != 2 {
		t.Errorf("%v, %d entries", err, got)
	}
}

func TestHandlesAreUniqueAndDirectoryManagersTakeTurns(t *testing.T) {
	j, root := newJournal(t)
	add(t, j, root, file("f0", 1))
	var list []Entry
	for i := range 100 {
		list = append(list, subdir(fmt.Sprintf("d%03d", i)), file(fmt.Sprintf("g%03d", i), 1))
	}
	add(t, j, root, list...)
	parent := row(t, j, clfs.FirstSequence+2)
	add(t, j, parent, file("below", 1), subdir("deeper"))
	seen := map[clfs.ID]bool{}
	next := uint8(1)
	for ino := Ino(clfs.FirstSequence + 1); ino <= j.LastIno(); ino++ {
		in := row(t, j, ino)
		h, err := clfs.ParseHandle(in.ID)
		if err != nil || seen[in.ID] {
			t.Fatalf("handle %s: %v, or twice", in.ID, err)
		}
		seen[in.ID] = true
		dir := row(t, j, in.Parent)
		if h.Sequence != uint64(ino) || h.Type != in.Attr.Type || h.DirMgrSource != dir.ID.DirMgr() || h.ContainerID != testSettings.ContainerID {
			t.Errorf("handle of %s: %+v", in.Name, h)
		}
		want := h.DirMgrSource
		if in.Attr.Type == clfs.TypeDirectory {
			want, next = next, (next+1)%48
		}
		if h.DirMgrTarget != want {
			t.Errorf("%s: directory manager %d, want %d", in.Name, h.DirMgrTarget, want)
		}
	}
}

// children lists a directory.
func children(t *testing.T, j *Journal, dir Ino) []SnapshotChild {
	t.Helper()
	s, err := j.Still(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	list, err := s.Children(t.Context(), dir, nil, 100000)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestAttributesAreKept(t *testing.T) {
	j, root := newJournal(t)
	e := Entry{Name: []byte{0xff, '\n'}, Target: []byte("to\xff"), Attr: Attr{Type: clfs.TypeSymlink, Mode: 0o120777,
		UID: 1<<32 - 1, GID: 1<<32 - 2, Size: 3, Mtime: -1, Ctime: 1<<63 - 1, Atime: -1 << 63,
		Ino: 1<<64 - 2, Rdev: 1<<64 - 3, Nlink: 1}}
	add(t, j, root, e)
	got := last(t, j)
	if got.Attr != e.Attr || string(got.Target) != "to\xff" || string(got.Name) != "\xff\n" || got.Parent != RootIno || got.Links != 1 {
		t.Errorf("got  %+v\nwant %+v", got, e)
	}
}

func TestUnscannedDirectoriesComeTheLastFoundFirst(t *testing.T) {
	j, root := newJournal(t)
	if err := j.AddEntries(t.Context(), root, []Entry{subdir("a"), file("f", 1), subdir("b"), subdir("c")}, true); err != nil {
		t.Fatal(err)
	}
	list, err := j.UnscannedDirectories(t.Context(), 2)
	if err != nil || len(list) != 2 || string(list[0].Name) != "c" || string(list[1].Name) != "b" {
		t.Errorf("%+v, %v", list, err)
	}
	if err := j.FailDirectory(t.Context(), list[0], Failure{Op: "open", Reason: "broken"}); err != nil {
		t.Fatal(err)
	}
	list, err = j.UnscannedDirectories(t.Context(), 9)
	if err != nil || len(list) != 2 {
		t.Errorf("%+v, %v", list, err)
	}
}

func TestPathsOfDeepTreesAreFound(t *testing.T) {
	j, root := newJournal(t)
	const depth = 3000
	want := ""
	var dir *Node
	// One update for all: a commit each would take long.
	err := j.Write(t.Context(), store.Durable, func(tx *store.Tx) error {
		var err error
		dir, err = tx.Node(root.Ino)
		want = ""
		for i := range depth {
			e := subdir(fmt.Sprint(i, "\xff"))
			next := tx.Ledger.NextIno
			if err := errors.Join(err, scan.AddEntry(tx, dir, &e)); err != nil {
				return err
			}
			dir, err = tx.Node(next)
			want = store.Join(want, e.Name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // climbed, and from the cache
		if got, err := j.Path(t.Context(), row(t, j, dir.Ino)); got != want || err != nil {
			t.Errorf("path of %d bytes, want %d: %v", len(got), len(want), err)
		}
	}
}
