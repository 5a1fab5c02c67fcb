package state

import (
	"fmt"
	"testing"
)

// mergeAll merges entries into a directory, and gives what has to be read for that.
func (w *mergeWalk) mergeAll(dir Ino, entries ...Entry) (list []Merged) {
	w.t.Helper()
	for len(list) < len(entries) {
		some, u, err := w.j.MergeEntries(w.t.Context(), dir, entries[len(list):])
		w.check(err)
		list = append(list, some...)
		if u != nil {
			w.give(*u)
		}
	}
	return list
}

// A file that changes after its first name was merged keeps the other names: it is not replaced by
// itself. The next load finds the change.
func TestAFileThatChangesBetweenItsNamesIsNotReplacedByItself(t *testing.T) {
	w := newMergeWalk(t, 0)
	w.j.Settings.Merge.Update = true
	var dirs []Ino
	for _, name := range []string{"a", "b"} {
		n, err := w.j.Lookup(t.Context(), RootIno, []byte(name))
		w.check(err)
		if n.Flags&Unlisted != 0 {
			w.give(Unread{Ino: n.Ino, Part: Entries})
		}
		dirs = append(dirs, n.Ino)
	}
	e := link("2", 2)
	e.Attr.Size = 5 // as it is there
	outcomes := w.mergeAll(dirs[0], e)
	e.Attr.Size = 6
	outcomes = append(outcomes, w.mergeAll(dirs[1], e)...)
	if outcomes[0].Outcome != Kept || outcomes[1].Outcome != Kept {
		t.Errorf("the names were %+v", outcomes)
	}
	w.holds()
}

func TestALinkOfALoadGoesToNoRemovedFile(t *testing.T) {
	w := beginMerge(t, Merge{Into: "/a", Update: true}, true)
	a := lookup(t, w.j, RootIno, "a")
	l := link("2", 2)
	l.Attr.Size, l.Attr.Ino = 5, 777
	w.mergeAll(a.Ino, l)
	// the other names of x
	b := lookup(t, w.j, RootIno, "b")
	w.give(Unread{Ino: b.Ino, Part: Entries})
	_, err := w.j.RemoveEntries(t.Context(), []Extra{{Dir: b.Ino, Name: []byte("2")}}, true, 9)
	w.check(err)
	// Now 2 is another file in the source, then the other name of the first comes.
	other := file("2", 9)
	other.Attr.Ino = 778
	w.mergeAll(a.Ino, other)
	l.Name = []byte("z")
	w.mergeAll(a.Ino, l)
	z := lookup(t, w.j, a.Ino, "z")
	if z.State == Removed {
		t.Errorf("z leads to inode %d, which is removed", z.Ino)
	}
}

func TestWhatVanishesTakesNoNameOutsideOfTheLoad(t *testing.T) {
	w := beginMerge(t, Merge{Into: "/a", Update: true}, true)
	a := lookup(t, w.j, RootIno, "a")
	b := lookup(t, w.j, RootIno, "b")
	w.give(Unread{Ino: b.Ino, Part: Entries})
	l := link("2", 2)
	l.Attr.Size, l.Attr.Ino = 5, 777
	w.mergeAll(a.Ino, l, subdir("new"))
	x := lookup(t, w.j, a.Ino, "2")
	d := lookup(t, w.j, a.Ino, "new")
	for i := range 10 {
		w.mergeAll(a.Ino, file(fmt.Sprint("more", i), 5))
	}
	l.Name = []byte("again")
	w.mergeAll(d.Ino, l)
	if got := lookup(t, w.j, d.Ino, "again"); got.Ino != x.Ino {
		t.Fatal("no link")
	}
	w.check(w.j.EndScan(t.Context(), d.Ino))
	// new is a file when /a is scanned again
	w.mergeAll(a.Ino, file("new", 3))
	gone, err := w.j.Vanished(t.Context(), 0, 100)
	w.check(err)
	for _, in := range gone {
		w.check(w.j.Forget(t.Context(), in))
	}
	if _, err := w.j.Lookup(t.Context(), b.Ino, []byte("2")); err != nil {
		t.Errorf("/b/2, outside of PATH: %v", err)
	}
	un, err := w.j.UnscannedDirectories(t.Context(), 10)
	w.check(err)
	for _, in := range un {
		if in.Ino == b.Ino {
			t.Error("/b, outside of PATH, is to be scanned")
		}
	}
}

func lookup(t *testing.T, j *Journal, dir Ino, name string) Node {
	t.Helper()
	n, err := j.Lookup(t.Context(), dir, []byte(name))
	if err != nil {
		t.Fatal(name, err)
	}
	return n
}
