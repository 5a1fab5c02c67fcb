package state

import (
	"testing"

	"clfsload/clfs"
)

// A listing that is made again finds a directory where a link was loaded.
func TestSomethingElseUnderAKnownNameHasFailedAndIsGone(t *testing.T) {
	j, root := newJournal(t)
	add(t, j, root, Entry{Name: []byte("x"), Attr: Attr{Type: clfs.TypeSymlink, Mode: 0o120777, Size: 1, Nlink: 1}, Target: []byte("t")}, file("same", 5))
	var loaded Inode
	for _, in := range queued(t, j) {
		record(t, j, Outcome{Inode: in, Attr: in.Attr})
		if string(in.Name) == "x" {
			loaded = in
		}
	}
	before := j.Totals()
	add(t, j, root, subdir("x"), file("same", 7))
	after := j.Totals()
	if after.Failures != 1 || after.DoneInodes != before.DoneInodes-1 || after.FoundInodes != before.FoundInodes {
		t.Errorf("%+v, before %+v", after, before)
	}
	gone, err := j.Vanished(t.Context(), 0, 10)
	if err != nil || len(gone) != 1 || gone[0].Ino != loaded.Ino {
		t.Errorf("gone: %v, %v", gone, err)
	}
}

// A link that is found late belongs to the file that was listed, not to the one that
// was read in its place.
func TestALaterLinkIsNotOneOfAFileThatWasReplaced(t *testing.T) {
	j, root := newJournal(t)
	add(t, j, root, link("a", 2))
	if err := j.ReleaseHeld(t.Context()); err != nil {
		t.Fatal(err)
	}
	in := queued(t, j)[0]
	replaced := in.Attr
	replaced.Ino++
	record(t, j, Outcome{Inode: in, Attr: replaced})
	add(t, j, root, link("b", 2))
	if now := row(t, j, in.Ino); now.Links != 1 || now.Attr.Ino != replaced.Ino {
		t.Errorf("%d links of %d", now.Links, now.Attr.Ino)
	}
	if n := j.Totals().FoundInodes; n != 3 {
		t.Errorf("%d inodes, with the root", n)
	}
}
