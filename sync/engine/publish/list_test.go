package publish

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	"clfsload/state"
)

func uploaded(name string, ino state.Ino) state.SnapshotChild {
	return state.SnapshotChild{Name: []byte(name), Ino: ino, Put: true}
}

func newFile(name string, ino state.Ino) state.SnapshotChild {
	return state.SnapshotChild{Name: []byte(name), Ino: ino}
}

func lives(name string, ino state.Ino, seq uint64) state.Tombstone {
	return state.Tombstone{SnapshotChild: uploaded(name, ino), Seq: seq, Lives: true}
}

func replaced(name string, ino state.Ino, seq uint64, s state.Successor) state.Tombstone {
	return state.Tombstone{SnapshotChild: uploaded(name, ino), Seq: seq, Successor: s}
}

func gone(name string, ino state.Ino, seq uint64) state.Tombstone {
	return replaced(name, ino, seq, state.NoSuccessor)
}

// What a form lists, as names and inode numbers; those that are not listed are in brackets.
func TestAFormKeepsWhatItMustUnderNamesOfItsOwn(t *testing.T) {
	for _, c := range []struct {
		what           string
		entries        []state.SnapshotChild
		tombstones     []state.Tombstone
		interim, final string
	}{
		{what: "an empty directory"},
		{"only entries", []state.SnapshotChild{uploaded("a", 1), newFile("b", 2)}, nil, "a=1 [b=2]", "a=1 [b=2]"},
		{"a tombstone that lives, or does not", nil,
			[]state.Tombstone{lives("a", 1, 1), gone("b", 2, 2)}, "a=1", ""},
		{"a successor that is not uploaded", nil, []state.Tombstone{replaced("a", 1, 1, state.Waiting)}, "a=1", "a=1"},
		{"a successor that is listed elsewhere", nil, []state.Tombstone{replaced("a", 1, 1, state.ListedOutside)}, "a=1", ""},
		{"tombstones of other names come after the entries", []state.SnapshotChild{uploaded("b", 1), uploaded("d", 2)},
			[]state.Tombstone{lives("a", 3, 1), lives("c", 4, 2), lives("e", 5, 3), replaced("f", 6, 4, state.Waiting)},
			"b=1 d=2 a=3 c=4 e=5 f=6", "b=1 d=2 f=6"},
		{"a name that an entry has", []state.SnapshotChild{uploaded("a", 1)},
			[]state.Tombstone{lives("a", 2, 1), replaced("a", 3, 2, state.Waiting)},
			"a=1 .clfsload-moved-3-a=3 .clfsload-moved-2-a=2", "a=1 .clfsload-moved-3-a=3"},
		{"a name that an entry has which is not listed", []state.SnapshotChild{newFile("a", 1)},
			[]state.Tombstone{lives("a", 2, 2), lives("a", 3, 1)}, "[a=1] a=3 .clfsload-moved-2-a=2", "[a=1]"},
		{"the one that left first has the name", nil,
			[]state.Tombstone{lives("a", 1, 3), lives("a", 2, 1), gone("a", 3, 0), replaced("a", 4, 2, state.ListedOutside)},
			"a=2 .clfsload-moved-4-a=4 .clfsload-moved-1-a=1", ""},
		{"the one that the final form has, has the name", nil,
			[]state.Tombstone{lives("a", 1, 1), replaced("a", 2, 3, state.Waiting), replaced("a", 3, 2, state.Waiting)},
			"a=3 .clfsload-moved-2-a=2 .clfsload-moved-1-a=1", "a=3 .clfsload-moved-2-a=2"},
		{"stand-ins that are names of an entry and of a tombstone",
			[]state.SnapshotChild{newFile(".clfsload-moved-2-a", 1), uploaded("a", 3)},
			[]state.Tombstone{gone(".clfsload-moved-2.1-a", 4, 1), lives("a", 2, 2)},
			"[.clfsload-moved-2-a=1] a=3 .clfsload-moved-2.2-a=2", "[.clfsload-moved-2-a=1] a=3"},
	} {
		for f, want := range map[Form]string{Interim: c.interim, Final: c.final} {
			got, err := listed(List(f, all(c.entries, nil), all(besides(c.entries, c.tombstones), nil), takenOf(c.entries, c.tombstones)))
			if got != want || err != nil {
				t.Errorf("%s, form %d:\n%q, %v, want\n%q", c.what, f, got, err, want)
			}
		}
	}
}

func TestAnErrorEndsAListing(t *testing.T) {
	broken := errors.New("broken")
	entries := []state.SnapshotChild{uploaded("b", 1), uploaded("d", 2)}
	tombstones := besides(entries, []state.Tombstone{lives("a", 3, 1), lives("b", 4, 1), lives("c", 5, 2)})
	taken := takenOf(entries, tombstones)
	for _, c := range []struct {
		what       string
		entries    iter.Seq2[state.SnapshotChild, error]
		tombstones iter.Seq2[state.Tombstone, error]
		taken      func([]byte) (bool, error)
		want       string
	}{
		{"entries", all(entries[:1], broken), all(tombstones, nil), taken, "b=1"},
		{"entries at once", all(entries[:0], broken), all(tombstones, nil), taken, ""},
		{"tombstones at once", all(entries, nil), all(tombstones[:0], broken), taken, "b=1 d=2"},
		{"tombstones", all(entries, nil), all(tombstones[:1], broken), taken, "b=1 d=2"},
		{"tombstones of another name", all(entries, nil), all(tombstones[:2], broken), taken, "b=1 d=2 a=3"},
		{"stand-in", all(entries, nil), all(tombstones, nil), func([]byte) (bool, error) { return false, broken }, "b=1 d=2 a=3"},
	} {
		got, err := listed(List(Interim, c.entries, c.tombstones, c.taken))
		if got != c.want || !errors.Is(err, broken) {
			t.Errorf("%s: %q, %v, want %q", c.what, got, err, c.want)
		}
	}
}

// Whoever reads a listing may end after any entry.
func TestAListingMayBeLeft(t *testing.T) {
	entries := []state.SnapshotChild{uploaded("b", 1), uploaded("d", 2)}
	tombstones := []state.Tombstone{lives("a", 3, 1), lives("b", 4, 1), lives("e", 5, 2)}
	for enough := 1; enough <= 5; enough++ {
		count := 0
		for _, err := range List(Interim, all(entries, nil), all(tombstones, nil), takenOf(entries, tombstones)) {
			if err != nil {
				t.Fatal(err)
			}
			if count++; count == enough {
				break
			}
		}
		if count != enough {
			t.Errorf("%d entries, want %d", count, enough)
		}
	}
}

// all goes through a list, to an error if there is one.
func all[T any](list []T, err error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, v := range list {
			if !yield(v, nil) {
				return
			}
		}
		if err != nil {
			var none T
			yield(none, err)
		}
	}
}

// besides sets which names of tombstones entries have that are listed.
func besides(entries []state.SnapshotChild, tombstones []state.Tombstone) []state.Tombstone {
	for i := range tombstones {
		t := &tombstones[i]
		t.NameTaken = slices.ContainsFunc(entries, func(c state.SnapshotChild) bool { return c.Put && string(c.Name) == string(t.Name) })
	}
	return tombstones
}

func takenOf(entries []state.SnapshotChild, tombstones []state.Tombstone) func([]byte) (bool, error) {
	return func(name []byte) (bool, error) {
		has := func(c state.SnapshotChild) bool { return string(c.Name) == string(name) }
		return slices.ContainsFunc(entries, has) ||
			slices.ContainsFunc(tombstones, func(t state.Tombstone) bool { return has(t.SnapshotChild) }), nil
	}
}

func listed(entries iter.Seq2[Entry, error]) (string, error) {
	var list []string
	for e, err := range entries {
		if err != nil {
			return strings.Join(list, " "), err
		}
		s := fmt.Sprintf("%s=%d", e.Name, e.Ino)
		if !e.Listed {
			s = "[" + s + "]"
		}
		list = append(list, s)
	}
	return strings.Join(list, " "), nil
}
