package state

import (
	"reflect"
	"testing"
)

// The journal knows what the container may hold at any moment of a publication, also
// after attempts that were cut off, and nothing else.
func TestAMarkKnowsWhatTheContainerMayHold(t *testing.T) {
	j := newMount(t)
	mark := func() Mark {
		m, err := j.Mark(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	begin := func(id, held string) {
		t.Helper()
		if err := j.SetMark(t.Context(), mark().Next(id, held)); err != nil {
			t.Fatal(err)
		}
	}
	confirm := func() {
		t.Helper()
		m := mark()
		m.Before = nil
		if err := j.SetMark(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	knows := func(ids ...string) {
		t.Helper()
		m := mark()
		var got []string
		for _, id := range []string{testSettings.BucketUUID, "first", "second", "third", "fourth"} {
			if m.Knows(id) {
				got = append(got, id)
			}
		}
		if !reflect.DeepEqual(got, ids) {
			t.Errorf("%+v knows %q, want %q", m, got, ids)
		}
	}
	knows(testSettings.BucketUUID)
	begin("first", testSettings.BucketUUID)
	knows(testSettings.BucketUUID, "first")
	confirm()
	knows("first")
	begin("second", "first")
	begin("third", "first") // the put of the second one may come late
	begin("fourth", "third")
	knows("first", "second", "third", "fourth")
	confirm()
	knows("fourth")
}
