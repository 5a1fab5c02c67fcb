package garbage

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
		if run, ok := ParseSegmentRun(want.String()); ok {
			t.Errorf("%q is the run %+v", want.String(), run)
		}
		if names := slices.Collect(Garbage{Name: want.String()}.Names()); len(names) > 0 {
			t.Errorf("it has the names %q", names)
		}
	})
}

func FuzzARunOfSegmentsIsReadAsItWasWritten(f *testing.F) {
	f.Add([]byte("0123456789abcdef"), uint64(1), uint64(2), uint64(3))
	f.Fuzz(func(t *testing.T, owner []byte, gen, from, to uint64) {
		want := SegmentRun{clfs.ID(owner), gen, from, to}
		if len(owner) == 0 {
			return
		}
		if got, ok := ParseSegmentRun(want.String()); !ok || got != want {
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
		_, isRun := ParseSegmentRun(text)
		_, isForeign := parseForeign(text)
		if isRun && isForeign {
			t.Errorf("%q is both", text)
		}
		if _, err := clfs.ParseName(text); err == nil && (isRun || isForeign) {
			t.Errorf("%q is the name of a blob", text)
		}
	})
}
