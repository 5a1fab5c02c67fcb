package state

import "testing"

// In a load nothing settles a file, so one that loses one of its names is ready for its upload.
func TestAFileThatLosesOneOfItsNamesToALoadIsQueued(t *testing.T) {
	for what, lose := range map[string]func(j *Journal) error{
		"it is deleted": func(j *Journal) error {
			return j.RemoveEntries(t.Context(), []Extra{{RootIno, []byte("b")}}, true, 9)
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
