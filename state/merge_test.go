package state

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"clfsload/clfs"
	"clfsload/state/schema"
)

// mergeWalk is a random load into a container that a test makes up.
type mergeWalk struct {
	*adoption
	r *rand.Rand
}

// newMergeWalk begins a random load into a container with two directories, in which files are that
// have links in both.
func newMergeWalk(t *testing.T, seed uint64) *mergeWalk {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 1))
	w := beginMerge(t, Merge{Into: "/a/new", Update: r.IntN(3) > 0, Delete: r.IntN(2) == 0}, testSettings.PreserveHardlinks)
	w.r = r
	return w
}

// beginMerge adopts that container, and begins a load into it.
func beginMerge(t *testing.T, m Merge, hard bool) *mergeWalk {
	t.Helper()
	s := testSettings
	s.Adopted, s.Range, s.PreserveHardlinks = true, 1, hard
	root := AdoptedNode{Attr: directory, Version: 20, Owner: clfs.RootID.Hash()}
	j, err := Adopt(filepath.Join(t.TempDir(), "state"), s, Adoption{Root: root, Publication: 3, MarkID: "mark"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	w := &mergeWalk{&adoption{t, j}, nil}
	s.Merge = m
	for err := error(&Unread{}); err != nil; {
		var u *Unread
		if err = j.BeginLoad(t.Context(), s, directory, directory); errors.As(err, &u) {
			w.give(*u)
		} else {
			w.check(err)
		}
	}
	return w
}

// give adopts what is asked for: in each of two levels of directories there are six entries, the
// first two of which are directories; the others of /a and /b are links to the same files.
func (w *mergeWalk) give(u Unread) {
	w.t.Helper()
	n := nodeOf(w.t, w.j, u.Ino)
	if n.State == Remote {
		var back []clfs.ID
		if !n.IsDirectory() {
			back = []clfs.ID{dirID(100), dirID(101)}
		}
		a := AdoptedNode{Attr: directory, Version: 9, Owner: 5, Back: back}
		if !n.IsDirectory() {
			a.Attr = file("", 5).Attr
		}
		w.check(w.j.AdoptNode(w.t.Context(), u.Ino, a))
	}
	switch {
	case u.Part == Attributes:
	case u.Part == OtherNames:
		for _, id := range []clfs.ID{dirID(100), dirID(101)} {
			d, err := w.j.NodeOf(w.t.Context(), id)
			w.check(err)
			w.give(Unread{Ino: d.Ino, Part: Entries})
		}
	case n.Flags&Unlisted == 0:
	case u.Ino == RootIno:
		w.list(RootIno, in("a", dirID(100)), in("b", dirID(101)))
	case n.ID == dirID(100) || n.ID == dirID(101):
		below := 200 + 10*uint64(n.ID[len(n.ID)-1]&1)
		if n.ID == dirID(101) {
			below = 220
		}
		w.list(u.Ino, in("0", dirID(below)), in("1", dirID(below+1)), in("2", fileID(300)), in("3", fileID(301)), in("4", fileID(302)))
	default:
		w.list(u.Ino)
	}
}

// merge merges random entries into a random directory.
func (w *mergeWalk) merge() {
	w.t.Helper()
	var entries []Entry
	for _, i := range w.r.Perm(7)[:w.r.IntN(6)] {
		e := file(fmt.Sprint(i), int64(w.r.IntN(3))+4)
		switch w.r.IntN(5) {
		case 0:
			e = subdir(string(e.Name))
		case 1:
			e = link(string(e.Name), 2+w.r.Uint64N(2))
			e.Attr.Ino += w.r.Uint64N(2)
		case 2:
			e.Attr.Mode ^= 0o111
		case 3:
			e.Failure = &Failure{Op: "lstat", Reason: "random"}
		}
		entries = append(entries, e)
	}
	dir := w.some(`type = {directory} AND state <> {removed}`)
	for len(entries) > 0 {
		list, u, err := w.j.MergeEntries(w.t.Context(), dir.Ino, entries)
		w.check(err)
		entries = entries[len(list):]
		if u != nil {
			w.give(*u)
		}
	}
}

// some is a node that fits, or the root.
func (w *mergeWalk) some(where string) Node {
	w.t.Helper()
	list, err := w.j.Nodes(w.t.Context(), `SELECT `+schema.NodeColumns+` FROM inode WHERE `+where+` ORDER BY ino`)
	w.check(err)
	if len(list) == 0 {
		return nodeOf(w.t, w.j, RootIno)
	}
	return list[w.r.IntN(len(list))]
}

// land records what became of a queued node.
func (w *mergeWalk) land() {
	w.t.Helper()
	n := w.some(`state = {queued}`)
	if n.State != Queued {
		return
	}
	if existed := n.PutPub != 0; !existed && w.r.IntN(3) == 0 {
		recordFailure(w.t, w.j, n, Failure{Op: "open", Reason: "random", Gone: w.r.IntN(2) == 0})
		return
	}
	record(w.t, w.j, Upload{Node: n, Put: !w.j.InReach(&n), Owner: 1, ContentsUploaded: n.Flags&Content != 0})
}

// again is what a run does first that goes on.
func (w *mergeWalk) again() {
	w.t.Helper()
	gone, err := w.j.Vanished(w.t.Context(), 0, 100)
	w.check(err)
	for _, in := range gone {
		w.check(w.j.Forget(w.t.Context(), in))
	}
	w.check(w.j.RetryFailures(w.t.Context()))
}

// removeSome removes an entry that was there before.
func (w *mergeWalk) removeSome() {
	w.t.Helper()
	dir := w.some(`type = {directory} AND state <> {removed}`)
	list, err := w.j.EntriesOf(w.t.Context(), dir.Ino, nil, 1)
	w.check(err)
	for len(list) > 0 {
		_, err := w.j.RemoveEntries(w.t.Context(), []Extra{{Dir: dir.Ino, Name: list[0].Name}}, true, 7)
		var u *Unread
		if !errors.As(err, &u) {
			if err != nil && !errors.Is(err, ErrNotEmpty) {
				w.t.Fatal(err)
			}
			return
		}
		w.give(*u)
	}
}

func (w *mergeWalk) holds() {
	w.t.Helper()
	w.sound()
	todo, err := count(w.j, `SELECT count(*) FROM inode WHERE state IN ({linking}, {queued}, {held}, {failed}, {dirty}, {sealed})`)
	w.check(err)
	if l := w.j.Totals(); l.FoundInodes-l.DoneInodes != todo || l.DoneInodes > l.FoundInodes || l.DoneBytes > l.FoundBytes {
		w.t.Fatalf("%d to do, %+v", todo, l)
	}
	lost, err := count(w.j, fmt.Sprintf(`SELECT count(*) FROM inode i WHERE state = {removed} AND put_pub BETWEEN 1 AND 3
		AND EXISTS (SELECT 1 FROM tombstone t JOIN inode s ON s.ino = t.successor WHERE t.ino = i.ino AND s.state = {removed})
		AND i.type <> %d`, clfs.TypeDirectory))
	w.check(err)
	if lost > 0 {
		w.t.Fatalf("%d files have lost their names to files that have vanished", lost)
	}
}

// The totals never count less than what is to be done, whatever happens in which order, and a file
// whose replacement has vanished is there again.
func TestARandomLoadIntoANamespaceKeepsItsBooks(t *testing.T) {
	for seed := range uint64(30) {
		w := newMergeWalk(t, seed)
		for range 40 {
			switch w.r.IntN(10) {
			case 0:
				w.again()
			case 1:
				w.removeSome()
			case 2, 3, 4:
				w.land()
			default:
				w.merge()
			}
			w.holds()
			if t.Failed() {
				t.Fatalf("seed %d", seed)
			}
		}
		w.check(w.j.Close())
	}
}

// What a scan has added has no place in a listing before it is mounted.
func TestAScannedDirectoryIsListedWhole(t *testing.T) {
	j, root := newJournal(t)
	var entries []Entry
	var want []string
	for i := range 2*1000 + 7 {
		name := fmt.Sprintf("%06d", i)
		entries, want = append(entries, file(name, 1)), append(want, name)
	}
	add(t, j, root, entries...)
	if err := j.Order(t.Context(), RootIno); err != nil {
		t.Fatal(err)
	}
	var names []string
	for after := uint64(2); ; {
		page, err := j.List(t.Context(), RootIno, after, 500)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		for _, l := range page {
			names, after = append(names, string(l.Name)), l.Cookie
		}
	}
	if slices.Sort(names); !slices.Equal(names, want) || nodeOf(t, j, RootIno).Flags&Unordered != 0 {
		t.Errorf("%d names, want %d", len(names), len(want))
	}
}
