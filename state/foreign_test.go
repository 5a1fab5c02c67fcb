package state

import (
	"slices"
	"testing"

	"clfsload/clfs"
	"clfsload/state/garbage"
	"clfsload/state/store"
)

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
	object, tree := Foreign{Kind: ForeignObject, ID: "a", Below: 0, Owner: "o"}, Foreign{Kind: ForeignTree, ID: "b", Below: 0, Owner: "o"}
	note(2000, true, object)
	note(2000, false, tree)
	note(2001, true, object)
	a.check(a.j.Write(t.Context(), store.Committed, func(tx *store.Tx) error {
		if err := garbage.Add(tx, 2000, nodeOf(t, a.j, 2000).Next+1, "a blob"); err != nil {
			return err
		}
		return garbage.AddForeign(tx, 2000, garbage.AtOnce, []Foreign{{Kind: OldVersions, ID: "c", Below: 9, Owner: "c"}})
	}))
	note(2000, true, tree)
	list, err := store.QueryAll(t.Context(), a.j.Read, a.j.ScanGarbage, `SELECT id, name FROM garbage ORDER BY ino, name`)
	a.check(err)
	var got []string
	for _, g := range list {
		got = append(got, g.Name)
	}
	want := []string{"a blob", tree.String(), Foreign{Kind: OldVersions, ID: "c", Below: 9, Owner: "c"}.String(), object.String()}
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
		if ok, err := a.j.NoteReplaced(t.Context(), n, []Foreign{{Kind: ForeignObject, ID: "a", Below: 0, Owner: "a"}}, true); ok || err != nil {
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
	ok, err := a.j.NoteReplaced(t.Context(), nodeOf(t, a.j, 2000), []Foreign{{Kind: ForeignObject, ID: "a", Below: 0, Owner: "a"}}, true)
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
