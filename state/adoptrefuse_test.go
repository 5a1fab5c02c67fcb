package state

import (
	"testing"
	"time"

	"clfsload/clfs"
	"clfsload/state/store"
)

// What the container of unreadParts has.
const (
	remoteFile  Ino = 2000
	remoteDir   Ino = 3000
	unlistedDir Ino = 3001
	readFile    Ino = 2001
	linkedFile  Ino = 2002 // has another name in unlistedDir
	otherDir    Ino = 3002 // was read
)

// unreadParts is a container of which little was read.
func unreadParts(t *testing.T) *adoption {
	t.Helper()
	a := newAdoption(t)
	a.list(RootIno, in("remote", fileID(2000)), in("dir", dirID(3000)), in("unlisted", dirID(3001)), in("file", fileID(2001)),
		in("linked", fileID(2002)), in("other", dirID(3002)))
	a.read(unlistedDir)
	a.read(otherDir)
	a.list(otherDir)
	a.read(readFile, clfs.RootID)
	if n := a.read(linkedFile, dirID(3001), clfs.RootID); n.Links != 2 {
		t.Fatalf("%d links", n.Links)
	}
	a.sound()
	return a
}

func TestAChangeThatNeedsMoreThanWasReadIsRefusedAndChangesNothing(t *testing.T) {
	a := unreadParts(t)
	ctx, j := t.Context(), a.j
	rename := func(from Ino, name string, to Ino, newName string, exchange bool) func() error {
		return func() error {
			_, _, err := j.Rename(ctx, Rename{From: from, Name: []byte(name), To: to, NewName: []byte(newName), Now: 5, Exchange: exchange})
			return err
		}
	}
	setAttr := func(ino Ino) func() error {
		return func() error { _, err := j.SetAttr(ctx, ino, Change{Ctime: 5}); return err }
	}
	add := func(dir Ino) func() error {
		return func() error {
			_, err := j.Add(ctx, Addition{Dir: dir, Name: []byte("new"), Attr: regular})
			return err
		}
	}
	link := func(ino, dir Ino) func() error {
		return func() error { _, err := j.Link(ctx, ino, dir, []byte("new"), 5); return err }
	}
	remove := func(dir Ino, name string) func() error {
		return func() error { _, err := j.Unlink(ctx, dir, []byte(name), 5, nil); return err }
	}
	rmdir := func(name string) func() error {
		return func() error { _, err := j.Rmdir(ctx, RootIno, []byte(name), 5, nil); return err }
	}
	for i, c := range []struct {
		call func() error
		want Unread
	}{
		{setAttr(remoteFile), Unread{Ino: remoteFile, Part: Attributes}},
		{setAttr(remoteDir), Unread{Ino: remoteDir, Part: Attributes}},
		{setAttr(unlistedDir), Unread{Ino: unlistedDir, Part: Entries}},
		{func() error { _, err := j.BeginWrite(ctx, remoteFile); return err }, Unread{Ino: remoteFile, Part: Attributes}},
		{func() error { _, err := j.Truncate(ctx, remoteFile, 5, 5); return err }, Unread{Ino: remoteFile, Part: Attributes}},
		{func() error { return j.DirtyBlocks(ctx, remoteFile, []uint64{0}) }, Unread{Ino: remoteFile, Part: Attributes}},
		{func() error { return j.QueueBlock(ctx, remoteFile, 1) }, Unread{Ino: remoteFile, Part: Attributes}},
		{func() error { _, err := j.EndWrite(ctx, remoteFile, Written{}); return err }, Unread{Ino: remoteFile, Part: Attributes}},
		{func() error { return j.NoteWritten(ctx, remoteFile, Written{}) }, Unread{Ino: remoteFile, Part: Attributes}},
		{add(remoteDir), Unread{Ino: remoteDir, Part: Attributes}},
		{add(unlistedDir), Unread{Ino: unlistedDir, Part: Entries}},
		{link(remoteFile, RootIno), Unread{Ino: remoteFile, Part: Attributes}},
		{link(readFile, remoteDir), Unread{Ino: remoteDir, Part: Attributes}},
		{link(readFile, unlistedDir), Unread{Ino: unlistedDir, Part: Entries}},
		{remove(RootIno, "remote"), Unread{Ino: remoteFile, Part: Attributes}},
		{remove(RootIno, "linked"), Unread{Ino: linkedFile, Part: OtherNames}},
		{remove(remoteDir, "x"), Unread{Ino: remoteDir, Part: Attributes}},
		{remove(unlistedDir, "x"), Unread{Ino: unlistedDir, Part: Entries}},
		{rmdir("dir"), Unread{Ino: remoteDir, Part: Attributes}},
		{rmdir("unlisted"), Unread{Ino: unlistedDir, Part: Entries}},
		{rename(RootIno, "remote", RootIno, "new", false), Unread{Ino: remoteFile, Part: Attributes}},
		{rename(RootIno, "unlisted", otherDir, "new", false), Unread{Ino: unlistedDir, Part: Entries}},
		{rename(RootIno, "dir", RootIno, "new", false), Unread{Ino: remoteDir, Part: Attributes}},
		{rename(RootIno, "file", unlistedDir, "new", false), Unread{Ino: unlistedDir, Part: Entries}},
		{rename(RootIno, "file", remoteDir, "new", false), Unread{Ino: remoteDir, Part: Attributes}},
		{rename(unlistedDir, "x", RootIno, "new", false), Unread{Ino: unlistedDir, Part: Entries}},
		{rename(RootIno, "file", RootIno, "remote", false), Unread{Ino: remoteFile, Part: Attributes}},
		{rename(RootIno, "file", RootIno, "linked", false), Unread{Ino: linkedFile, Part: OtherNames}},
		{rename(RootIno, "other", RootIno, "unlisted", false), Unread{Ino: unlistedDir, Part: Entries}},
		{rename(RootIno, "other", RootIno, "dir", false), Unread{Ino: remoteDir, Part: Attributes}},
		{rename(RootIno, "file", RootIno, "remote", true), Unread{Ino: remoteFile, Part: Attributes}},
		{rename(RootIno, "unlisted", RootIno, "file", true), Unread{Ino: unlistedDir, Part: Entries}},
	} {
		before := a.dump()
		if got := unread(t, c.call()); got != c.want {
			t.Errorf("call %d needs the %s of %d, want the %s of %d", i, got.Part, got.Ino, c.want.Part, c.want.Ino)
		}
		if after := a.dump(); after != before {
			t.Errorf("call %d changed\n%s", i, firstDifference(after, before))
		}
	}
	a.sound()
}

// What was refused is made once what it needs was read.
func TestTheLastKnownNameGoesOnceTheOthersAreKnown(t *testing.T) {
	for _, replaced := range []bool{false, true} {
		a := unreadParts(t)
		a.list(unlistedDir, in("x", fileID(2002)), in("y", fileID(2003)))
		var err error
		if replaced {
			_, _, err = a.j.Rename(t.Context(), Rename{From: RootIno, Name: []byte("file"), To: RootIno, NewName: []byte("linked"), Now: 5})
		} else {
			_, err = a.j.Unlink(t.Context(), RootIno, []byte("linked"), 5, nil)
		}
		a.check(err)
		n := nodeOf(t, a.j, linkedFile)
		back, err := a.j.BackPointers(t.Context(), n.Inode)
		a.check(err)
		if n.Links != 1 || n.Parent != unlistedDir || string(n.Name) != "x" || len(back) != 1 || back[0] != dirID(3001) {
			t.Errorf("%+v, in %v", n, back)
		}
		a.sound()
	}
}

// The directory that a back pointer names may not have the name, if another program was cut off.
// Then that name does not count.
func TestLinksAreCountedAsTheirDirectoriesAreRead(t *testing.T) {
	d, e, gone := dirID(3000), dirID(3001), dirID(4000)
	for _, c := range []struct {
		name   string
		back   []clfs.ID
		listed []AdoptedEntry // of d
		before bool           // d is read before the file
		want   []uint32       // links when the file is read, and when d is read
	}{
		{"one name", []clfs.ID{clfs.RootID}, nil, false, []uint32{1, 1}},
		{"two in one directory", []clfs.ID{clfs.RootID, d, d}, []AdoptedEntry{in("x", fileID(2000)), in("y", fileID(2000))}, false, []uint32{3, 3}},
		{"one is missing", []clfs.ID{clfs.RootID, d, d}, []AdoptedEntry{in("x", fileID(2000))}, false, []uint32{3, 2}},
		{"all are missing", []clfs.ID{d, clfs.RootID}, nil, false, []uint32{2, 1}},
		{"missing in what was read", []clfs.ID{d, clfs.RootID}, nil, true, []uint32{1, 1}},
		{"one that is not said", []clfs.ID{clfs.RootID}, []AdoptedEntry{in("x", fileID(2000))}, false, []uint32{1, 2}},
		{"one that is not said in what was read", []clfs.ID{clfs.RootID}, []AdoptedEntry{in("x", fileID(2000))}, true, []uint32{2, 2}},
		{"none is said", nil, []AdoptedEntry{in("x", fileID(2000))}, false, []uint32{1, 2}},
		{"of another directory", []clfs.ID{clfs.RootID, d, e, e}, []AdoptedEntry{in("x", fileID(2000))}, false, []uint32{4, 4}},
		{"of a directory that is not there", []clfs.ID{clfs.RootID, gone}, nil, false, []uint32{2, 2}},
	} {
		a := newAdoption(t)
		a.list(RootIno, in("d", d), in("e", e), in("f", fileID(2000)))
		readDir := func() {
			a.read(3000)
			a.list(3000, c.listed...)
			a.sound()
		}
		if c.before {
			readDir()
		}
		a.read(2000, c.back...)
		a.sound()
		if n := nodeOf(t, a.j, 2000); n.Links != c.want[0] {
			t.Errorf("%s: %d links, want %d", c.name, n.Links, c.want[0])
		}
		if !c.before {
			readDir()
		}
		n := nodeOf(t, a.j, 2000)
		back, err := a.j.BackPointers(t.Context(), n.Inode)
		if n.Links != c.want[1] || err != nil || len(back) != int(n.Links) || back[0] != clfs.RootID {
			t.Errorf("%s: %d links, want %d; back pointers %v, %v", c.name, n.Links, c.want[1], back, err)
		}
	}
}

// A process may be killed between any two changes: what is acknowledged is in the redo log, and
// what is read comes behind it.
func TestAKillLosesNothingOfWhatWasReadAndChanged(t *testing.T) {
	patient(t)
	a := unreadParts(t)
	ctx := t.Context()
	kill := func(what string) {
		t.Helper()
		killed := &adoption{t, openedImage(t, image(t, a.j))}
		defer killed.j.Close()
		if got, want := killed.dump(), a.dump(); got != want {
			t.Errorf("a kill after %s leaves\n%s", what, firstDifference(got, want))
		}
		killed.sound()
	}
	steps := []struct {
		what string
		do   func() error
	}{
		{"a new file", func() error {
			_, err := a.j.Add(ctx, Addition{Dir: otherDir, Name: []byte("n"), Attr: regular})
			return err
		}},
		{"a change of a file", func() error { _, err := a.j.SetAttr(ctx, readFile, Change{Ctime: 9}); return err }},
		{"entries", func() error {
			return a.j.AdoptEntries(ctx, unlistedDir, []AdoptedEntry{in("x", fileID(2002)), in("odd", "0123456789abcdef")})
		}},
		{"a link", func() error { _, err := a.j.Link(ctx, linkedFile, otherDir, []byte("l"), 10); return err }},
		{"attributes", func() error {
			return a.j.AdoptNode(ctx, remoteFile, AdoptedNode{Attr: regular, Version: 9, Back: []clfs.ID{clfs.RootID, dirID(3001)}})
		}},
		{"a rename", func() error {
			_, _, err := a.j.Rename(ctx, Rename{From: RootIno, Name: []byte("remote"), To: otherDir, NewName: []byte("r"), Now: 11})
			return err
		}},
		{"the end of a listing", func() error { return a.j.EndListing(ctx, unlistedDir) }},
		{"a removal", func() error { _, err := a.j.Unlink(ctx, unlistedDir, []byte("x"), 12, nil); return err }},
		{"a write", func() error { _, err := a.j.BeginWrite(ctx, readFile); return err }},
		{"blocks", func() error { return a.j.DirtyBlocks(ctx, readFile, []uint64{1, 3}) }},
	}
	for _, s := range steps {
		a.check(s.do())
		kill(s.what)
	}
	a.sound()
}

// patient lets journals commit when something asks for it alone.
func patient(t *testing.T) {
	before := store.CommitDelay
	store.CommitDelay = time.Hour
	t.Cleanup(func() { store.CommitDelay = before })
}
