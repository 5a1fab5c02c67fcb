package state

import (
	"slices"
	"testing"

	"clfsload/clfs"
)

func FuzzForeignGarbageIsReadAsItWasWritten(f *testing.F) {
	f.Add(uint8(0), []byte("0123456789abcdef"), uint32(0))
	f.Add(uint8(1), []byte("\x00 of \n%"), uint32(7))
	f.Add(uint8(2), []byte(clfs.NullHandle), ^uint32(0))
	f.Fuzz(func(t *testing.T, kind uint8, id []byte, below uint32) {
		kinds := []ForeignKind{ForeignObject, ForeignTree, OldVersions}
		want := Foreign{kinds[int(kind)%len(kinds)], clfs.ID(id), below, clfs.ID(id) + "owner"}
		if len(id) == 0 {
			return // no object has it
		}
		if got, ok := parseForeign(want.String()); !ok || got != want {
			t.Errorf("%+v, %v, want %+v", got, ok, want)
		}
		if run, ok := parseSegmentRun(want.String()); ok {
			t.Errorf("%q is the run %+v", want.String(), run)
		}
		if names := slices.Collect(Garbage{name: want.String()}.Names()); len(names) > 0 {
			t.Errorf("it has the names %q", names)
		}
	})
}

func FuzzARunOfSegmentsIsReadAsItWasWritten(f *testing.F) {
	f.Add([]byte("0123456789abcdef"), uint64(1), uint64(2), uint64(3))
	f.Fuzz(func(t *testing.T, owner []byte, gen, from, to uint64) {
		want := segmentRun{clfs.ID(owner), gen, from, to}
		if len(owner) == 0 {
			return
		}
		if got, ok := parseSegmentRun(want.String()); !ok || got != want {
			t.Errorf("%+v, %v, want %+v", got, ok, want)
		}
		if g, ok := parseForeign(want.String()); ok {
			t.Errorf("%q is %+v", want.String(), g)
		}
	})
}

// Whatever stands in the journal is one of three things.
func FuzzGarbageIsReadInOneWay(f *testing.F) {
	f.Add("tree of 00 below 0")
	f.Add("segments of 00 generation 1 blocks 2 to 3")
	f.Add(clfs.ObjectName("0123456789abcdef", clfs.RootID, clfs.TypeSegment, clfs.FirstVersion))
	f.Fuzz(func(t *testing.T, text string) {
		_, isRun := parseSegmentRun(text)
		_, isForeign := parseForeign(text)
		if isRun && isForeign {
			t.Errorf("%q is both", text)
		}
		if _, err := clfs.ParseName(text); err == nil && (isRun || isForeign) {
			t.Errorf("%q is the name of a blob", text)
		}
	})
}

// What was noted for an upload that came to nothing is forgotten when it is noted again, and
// nothing else is.
func TestWhatAnUploadReplacesIsNotedOnce(t *testing.T) {
	a := newAdoption(t)
	a.list(RootIno, in("f", fileID(2000)), in("g", fileID(2001)))
	for _, ino := range []Ino{2000, 2001} {
		a.read(ino, clfs.RootID)
		_, err := a.j.BeginWrite(t.Context(), ino)
		a.check(err)
	}
	note := func(ino Ino, first bool, list ...Foreign) {
		t.Helper()
		ok, err := a.j.NoteReplaced(t.Context(), nodeOf(t, a.j, ino), list, first)
		if err != nil || !ok {
			t.Fatalf("%v, %v", ok, err)
		}
	}
	object, tree := Foreign{ForeignObject, "a", 0, "o"}, Foreign{ForeignTree, "b", 0, "o"}
	note(2000, true, object)
	note(2000, false, tree)
	note(2001, true, object)
	a.check(a.j.write(t.Context(), committed, func(tx *tx) error {
		if err := addGarbage(tx, 2000, nodeOf(t, a.j, 2000).Next+1, "a blob"); err != nil {
			return err
		}
		return addForeign(tx, 2000, atOnce, []Foreign{{OldVersions, "c", 9, "c"}})
	}))
	note(2000, true, tree)
	list, err := queryAll(t.Context(), a.j.read, a.j.scanGarbage, `SELECT id, name FROM garbage ORDER BY ino, name`)
	a.check(err)
	var got []string
	for _, g := range list {
		got = append(got, g.name)
	}
	want := []string{"a blob", tree.String(), Foreign{OldVersions, "c", 9, "c"}.String(), object.String()}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestNothingIsNotedOfAFileThatHasChanged(t *testing.T) {
	a := newAdoption(t)
	a.list(RootIno, in("f", fileID(2000)))
	before := a.read(2000, clfs.RootID)
	_, err := a.j.BeginWrite(t.Context(), 2000)
	a.check(err)
	for _, n := range []Node{before, {}} {
		if ok, err := a.j.NoteReplaced(t.Context(), n, []Foreign{{ForeignObject, "a", 0, "a"}}, true); ok || err != nil {
			t.Errorf("noted: %v, %v", ok, err)
		}
	}
	if n, err := count(a.j, `SELECT count(*) FROM garbage`); n != 0 || err != nil {
		t.Errorf("%d rows, %v", n, err)
	}
}

// What a file was noted to do without is free once it is published, also if its row is dropped then and
// the file is found again and not read.
func TestGarbageOfADroppedFileIsFree(t *testing.T) {
	a := newAdoption(t)
	entries := []AdoptedEntry{in("f", fileID(2000))}
	a.list(RootIno, entries...)
	a.read(2000, clfs.RootID)
	a.overwrite(2000)
	ok, err := a.j.NoteReplaced(t.Context(), nodeOf(t, a.j, 2000), []Foreign{{ForeignObject, "a", 0, "a"}}, true)
	if err != nil || !ok {
		t.Fatalf("%v, %v", ok, err)
	}
	a.published()
	a.evict(2000)
	a.drop(RootIno)
	for _, step := range []func(){func() {}, func() { a.list(RootIno, entries...) }, func() { a.read(2000, clfs.RootID) }} {
		step()
		list, err := a.j.FreeGarbage(t.Context(), 10)
		a.check(err)
		if !slices.ContainsFunc(list, func(g Garbage) bool { f, ok := g.Foreign(); return ok && f.ID == "a" }) {
			t.Errorf("free is %v", list)
		}
	}
}
