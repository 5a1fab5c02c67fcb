package state

import (
	"slices"
	"testing"

	"clfsload/clfs"
)

func mustBeTidy(t *testing.T, j *Journal, want bool, when string) {
	t.Helper()
	if tidy, err := j.Tidy(t.Context()); err != nil || tidy != want {
		t.Errorf("%s: tidy is %v, %v", when, tidy, err)
	}
}

func TestAPublicationThatWasCutOffIsNotTidy(t *testing.T) {
	j := newMount(t)
	mustBeTidy(t, j, true, "at first")
	s, err := j.BeginPublish(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	mustBeTidy(t, j, false, "while one is under way")
	if err := j.EndPublish(t.Context(), s.Seq()); err != nil {
		t.Fatal(err)
	}
	mustBeTidy(t, j, true, "when it has ended")
}

func TestARemovedNodeIsTidyOnceItsRowIsDroppedOrWhileItIsInUse(t *testing.T) {
	j := newMount(t)
	for name, inUse := range map[string]bool{"unused": false, "used": true} {
		f := addNode(t, j, RootIno, name, regular)
		writeTo(t, j, f.Ino, 10, 0)
		uploadFile(t, j, f.Ino)
		if _, err := j.Unlink(t.Context(), RootIno, []byte(name), 9, func(Ino) bool { return inUse }); err != nil {
			t.Fatal(err)
		}
		mustBeTidy(t, j, inUse, name)
		if inUse {
			if err := j.Disown(t.Context(), f.Ino); err != nil {
				t.Fatal(err)
			}
			mustBeTidy(t, j, false, "not used any more")
		}
		if err := j.DropNodes(t.Context(), []Node{f}); err != nil {
			t.Fatal(err)
		}
		mustBeTidy(t, j, true, "dropped")
	}
}

func TestGarbageIsNotTidy(t *testing.T) {
	j := newMount(t)
	f := addNode(t, j, RootIno, "f", regular)
	writeTo(t, j, f.Ino, sizeOf(2), 0, 1)
	uploadFile(t, j, f.Ino)
	mustBeTidy(t, j, true, "uploaded")
	writeTo(t, j, f.Ino, sizeOf(2), 1)
	mustBeTidy(t, j, false, "an uploaded segment is written again")
}

func TestWhatWaitsIsListedInTheOrderOfItsWay(t *testing.T) {
	j := newMount(t)
	d := addNode(t, j, RootIno, "d", directory)
	queued := addNode(t, j, d.Ino, "queued", Attr{Type: clfs.TypeFIFO, Mode: 0o10644})
	if err := j.Settle(t.Context(), []Settled{{Ino: queued.Ino, Seq: queued.Seq}}); err != nil {
		t.Fatal(err)
	}
	dirty := addNode(t, j, d.Ino, "dirty", regular)
	done := addNode(t, j, d.Ino, "done", regular)
	uploadFile(t, j, done.Ino)
	for _, c := range []struct {
		toPublish bool
		limit     int
		want      []Ino
	}{
		{false, 10, []Ino{dirty.Ino, queued.Ino}},
		{true, 10, []Ino{dirty.Ino, queued.Ino, RootIno, d.Ino}},
		{true, 3, []Ino{dirty.Ino, queued.Ino, RootIno}},
	} {
		list, err := j.Waiting(t.Context(), c.toPublish, c.limit)
		if err != nil {
			t.Fatal(err)
		}
		var got []Ino
		for _, n := range list {
			got = append(got, n.Ino)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("to publish %v, at most %d: %v, want %v", c.toPublish, c.limit, got, c.want)
		}
	}
}
