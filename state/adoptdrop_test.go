package state

import (
	"reflect"
	"slices"
	"testing"

	"clfsload/clfs"
)

// What can be read again goes; what was changed, is in use, or has something known below stays. What
// is read again is as it was.
func TestWhatWasOnlyReadIsDropped(t *testing.T) {
	a := newAdoption(t)
	root := []AdoptedEntry{in("remote", fileID(2000)), in("read", fileID(2001)), in("dir", dirID(2002)), in("empty", dirID(2003)),
		in("deep", dirID(2004)), in("linked", fileID(2005)), in("link", fileID(2005)), in("changed", fileID(2006)),
		in("written", fileID(2007)), in("used", fileID(2008)), in("other", dirID(2009)), in("elsewhere", fileID(2010))}
	a.list(RootIno, root...)
	for ino, back := range map[Ino][]clfs.ID{2001: {clfs.RootID}, 2002: nil, 2003: nil, 2004: nil, 2005: {clfs.RootID, clfs.RootID}, 2006: {clfs.RootID},
		2007: {clfs.RootID}, 2008: {clfs.RootID}, 2009: nil, 2010: {clfs.RootID, dirID(2009)}} {
		a.read(ino, back...)
	}
	a.list(2003)
	a.list(2004, in("below", fileID(4001)))
	a.list(2009, in("elsewhere", fileID(2010)))
	a.list(2002, in("below", fileID(4000)))
	a.drop(2002)
	before, read := a.j.Counts(), nodeOf(t, a.j, 2001)
	a.change(2006)
	a.overwrite(2007)
	if d := a.drop(RootIno, 2008); d.Count != 7 || d.Next != nil || len(d.Kept) != 1 || string(d.Kept[0]) != "used" {
		t.Errorf("dropped %+v", d)
	}
	if stay, want := a.entries(RootIno), []string{"changed", "deep", "other", "used", "written"}; !slices.Equal(stay, want) {
		t.Errorf("%q stay, want %q", stay, want)
	}
	if n := nodeOf(t, a.j, 2010); n.Links != 2 || n.Parent != 2009 {
		t.Errorf("a file with another name has %d links, first in %d", n.Links, n.Parent)
	}
	a.list(RootIno, root...)
	again := a.read(2001, clfs.RootID)
	again.Next, again.PutGen = read.Next, read.PutGen // which are others
	if !reflect.DeepEqual(again, read) {
		t.Errorf("read again it is\n%+v, was\n%+v", again, read)
	}
	a.read(2005, clfs.RootID, clfs.RootID)
	a.sound()
	after := a.j.Counts()
	if after.Nodes() != before.Nodes() || after.Adopted != before.Adopted {
		t.Errorf("totals\n%+v, were\n%+v", after, before)
	}
}

// change sets an attribute of a node.
func (a *adoption) change(ino Ino) {
	a.t.Helper()
	_, err := a.j.SetAttr(a.t.Context(), ino, Change{Ctime: 9})
	a.check(err)
}

// overwrite writes a block of a file.
func (a *adoption) overwrite(ino Ino) {
	a.t.Helper()
	_, err := a.j.BeginWrite(a.t.Context(), ino)
	a.check(err)
	a.check(a.j.DirtyBlocks(a.t.Context(), ino, []uint64{2}))
	_, err = a.j.EndWrite(a.t.Context(), ino, Written{Size: 3 * clfs.SegmentBytes, Mtime: 9, Ctime: 9})
	a.check(err)
}

// entries are the names in a directory.
func (a *adoption) entries(dir Ino) (names []string) {
	a.t.Helper()
	list, err := a.j.List(a.t.Context(), dir, 2, 10000)
	a.check(err)
	for _, l := range list {
		names = append(names, string(l.Name))
	}
	slices.Sort(names)
	return names
}

func TestADirectoryThatIsChangedIsNotDropped(t *testing.T) {
	a := newAdoption(t)
	a.list(RootIno, in("a", fileID(2000)), in("b", fileID(2001)))
	a.read(2000, clfs.RootID)
	_, _, err := a.j.Rename(t.Context(), Rename{From: RootIno, Name: []byte("a"), To: RootIno, NewName: []byte("c"), Now: 5})
	a.check(err)
	before := a.dump()
	if d := a.drop(RootIno); d.Count > 0 || a.dump() != before {
		t.Errorf("dropped %+v", d)
	}
	snap, err := a.j.BeginPublish(t.Context(), false)
	a.check(err)
	a.check(snap.Close())
	if d := a.drop(RootIno); d.Count > 0 {
		t.Errorf("dropped %+v while a publication is under way", d)
	}
	a.published()
	if d := a.drop(RootIno); d.Count != 2 {
		t.Errorf("dropped %+v once it is published", d)
	}
}

func TestALargeDirectoryIsDroppedInPages(t *testing.T) {
	a := newAdoption(t)
	var list []AdoptedEntry
	for i := range uint64(2*1000 + 3) {
		list = append(list, in(fileID(9000+i).String(), fileID(9000+i)))
	}
	a.list(RootIno, list...)
	total := 0
	for after := []byte(nil); ; {
		d, err := a.j.DropEntries(t.Context(), RootIno, after, func(ino Ino) bool { return ino%10 == 0 })
		a.check(err)
		total += d.Count
		if after = d.Next; after == nil {
			break
		}
	}
	if left := len(a.entries(RootIno)); total+left != len(list) || left != 201 {
		t.Errorf("%d dropped, %d left of %d", total, left, len(list))
	}
	a.sound()
	a.list(RootIno, list...)
	if left := len(a.entries(RootIno)); left != len(list) {
		t.Errorf("%d entries", left)
	}
	a.sound()
}
