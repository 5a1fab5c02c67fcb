package state

import (
	"errors"
	"testing"
)

func TestEntriesAreRemovedUpToTheFirstThatIsRefused(t *testing.T) {
	j, root := newJournal(t)
	add(t, j, root, file("a", 1), subdir("b"), file("c", 1))
	remove := func(wantLeft int, want error, names ...string) {
		t.Helper()
		var list []Extra
		for _, name := range names {
			list = append(list, Extra{Dir: RootIno, Name: []byte(name)})
		}
		if n, err := j.RemoveEntries(t.Context(), list, true, 9); !errors.Is(err, want) || err == nil && n != len(names) {
			t.Errorf("removed %d of %q: %v, want %v", n, names, err, want)
		}
		if left, err := j.EntriesOf(t.Context(), RootIno, nil, 9); err != nil || len(left) != wantLeft {
			t.Errorf("%v are left, %v", left, err)
		}
		if err := checkRows(j); err != nil {
			t.Error(err)
		}
	}
	remove(3, ErrNoEntry, "gone", "a")
	remove(2, ErrNoEntry, "a", "gone", "c")
	remove(0, nil, "b", "c")
}

// In a load nothing settles a file, so one that loses one of its names is ready for its upload.
func TestAFileThatLosesOneOfItsNamesToALoadIsQueued(t *testing.T) {
	for what, lose := range map[string]func(j *Journal) error{
		"it is deleted": func(j *Journal) error {
			_, err := j.RemoveEntries(t.Context(), []Extra{{Dir: RootIno, Name: []byte("b")}}, true, 9)
			return err
		},
		"another file replaces it": func(j *Journal) error {
			_, _, err := j.MergeEntries(t.Context(), RootIno, []Entry{file("b", 20)})
			return err
		},
	} {
		t.Run(what, func(t *testing.T) {
			j, root := newJournal(t)
			add(t, j, root, link("a", 2), link("b", 2))
			n := lastNode(t, j)
			record(t, j, done(n))
			s := testSettings
			s.Merge = Merge{Into: "/", Update: true, Delete: true}
			if err := j.BeginLoad(t.Context(), s, directory, directory); err != nil {
				t.Fatal(err)
			}
			if err := lose(j); err != nil {
				t.Fatal(err)
			}
			if now := nodeOf(t, j, n.Ino); now.State != Queued || now.Links != 1 {
				t.Errorf("%d links, state %d", now.Links, now.State)
			}
		})
	}
}
