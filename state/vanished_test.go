package state

import (
	"testing"

	"clfsload/clfs"
	"clfsload/state/schema"
)

// A listing that is made again finds a directory where a link was loaded.
func TestSomethingElseUnderAKnownNameHasFailedAndIsGone(t *testing.T) {
	j, root := newJournal(t)
	add(t, j, root, Entry{Name: []byte("x"), Attr: Attr{Type: clfs.TypeSymlink, Mode: 0o120777, Size: 1, Nlink: 1}, Target: []byte("t")}, file("same", 5))
	var loaded Node
	for _, in := range queued(t, j) {
		record(t, j, done(in))
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
	if err := j.ReleaseLinks(t.Context()); err != nil {
		t.Fatal(err)
	}
	in := queued(t, j)[0]
	replaced := in.Attr
	replaced.Ino++
	record(t, j, done(renew(t, j, in, replaced)))
	add(t, j, root, link("b", 2))
	if now := row(t, j, in.Ino); now.Links != 1 || now.Attr.Ino != replaced.Ino {
		t.Errorf("%d links of %d", now.Links, now.Attr.Ino)
	}
	if n := j.Totals().FoundInodes; n != 3 {
		t.Errorf("%d inodes, with the root", n)
	}
}

// An upload that ends after the scan has found something else in the place of an inode does not make
// it done: what is there now would never be loaded.
func TestTheOutcomeOfAnUploadDoesNotUndoAFailure(t *testing.T) {
	for _, size := range []int64{5, clfs.FirstSegmentBytes + 3*clfs.SegmentBytes} {
		j, root := newJournal(t)
		add(t, j, root, file("x", size))
		n := lastNode(t, j)
		add(t, j, root, subdir("x"))
		record(t, j, done(n))
		if err := checkRows(j); err != nil {
			t.Error(err)
		}
		gone, err := j.Vanished(t.Context(), 0, 10)
		if err != nil || len(gone) != 1 || gone[0].State != schema.Failed {
			t.Fatalf("gone: %+v, %v", gone, err)
		}
		if err := j.Forget(t.Context(), gone[0]); err != nil {
			t.Fatal(err)
		}
		if got := unscanned(t, j); len(got) != 1 || got[0] != RootIno || len(failures(t, j)) != 0 {
			t.Errorf("%d are to be listed, %d failures", got, len(failures(t, j)))
		}
	}
}

// What was put and is left out later must not stay in the listings that were put with it.
func TestDirectoriesArePutAgainWithoutWhatIsLeftOutLater(t *testing.T) {
	j, root := newJournal(t)
	add(t, j, root, subdir("d"))
	d := last(t, j)
	add(t, j, d, link("a", 2))
	f := lastNode(t, j)
	add(t, j, root, link("b", 2))
	f = nodeOf(t, j, f.Ino)
	record(t, j, done(f))
	s, err := j.BeginPublish(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	for _, ino := range []Ino{d.Ino, RootIno} {
		put := Put{Node: nodeOf(t, j, ino), Blocks: 1, Snapshot: s.Seq(), Final: true, Complete: true}
		if err := j.RecordPuts(t.Context(), []Put{put}); err != nil {
			t.Fatal(err)
		}
	}
	if n := nodeOf(t, j, d.Ino); n.State != Done {
		t.Fatalf("%+v", n)
	}
	add(t, j, d, subdir("a")) // something else stands there now
	if err := j.LeaveOut(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, ino := range []Ino{d.Ino, RootIno} {
		if n := nodeOf(t, j, ino); n.State != Held {
			t.Errorf("directory %d is not put again", ino)
		}
	}
	for _, c := range children(t, j, d.Ino) {
		if c.Put {
			t.Errorf("%s is listed", c.Name)
		}
	}
}
