package state

import (
	"testing"

	"clfsload/clfs"
)

// A back pointer may name a directory that is not in the container any longer. Once that is known, a
// file can be moved, replaced and removed as if it had not been named.
func TestALinkFromADirectoryThatIsGoneKeepsNoFile(t *testing.T) {
	d, gone, goneToo := dirID(3000), dirID(4000), clfs.ID("0123456789abcdef")
	for name, c := range map[string]struct {
		back  []clfs.ID
		links []uint32 // when the file is read, and when each of gone and goneToo is known to be gone
		left  uint32   // when the name in the root is gone
	}{
		"one name":                      {[]clfs.ID{clfs.RootID, gone}, []uint32{2, 1, 1}, 0},
		"one name that is not said":     {[]clfs.ID{gone}, []uint32{2, 1, 1}, 0},
		"several from one":              {[]clfs.ID{gone, clfs.RootID, gone, gone}, []uint32{4, 1, 1}, 0},
		"from two":                      {[]clfs.ID{gone, goneToo, clfs.RootID, gone}, []uint32{4, 2, 1}, 0},
		"from one with an odd id":       {[]clfs.ID{clfs.RootID, goneToo}, []uint32{2, 2, 1}, 0},
		"and a name in another":         {[]clfs.ID{d, gone, clfs.RootID}, []uint32{3, 2, 2}, 1},
		"and two names in another":      {[]clfs.ID{d, gone, clfs.RootID, d, goneToo}, []uint32{5, 4, 3}, 2},
		"none":                          {[]clfs.ID{clfs.RootID}, []uint32{1, 1, 1}, 0},
		"none, but a name in another d": {[]clfs.ID{clfs.RootID, d}, []uint32{2, 2, 2}, 1},
	} {
		for how, remove := range map[string]func(a *adoption) error{
			"removed": func(a *adoption) error {
				_, err := a.j.Unlink(t.Context(), RootIno, []byte("f"), 5, nil)
				return err
			},
			"replaced": func(a *adoption) error {
				_, _, err := a.j.Rename(t.Context(), Rename{From: RootIno, Name: []byte("other"), To: RootIno, NewName: []byte("f"), Now: 5})
				return err
			},
		} {
			t.Run(name+" "+how, func(t *testing.T) {
				a := newAdoption(t)
				a.list(RootIno, in("d", d), in("f", fileID(2000)), in("other", fileID(2001)))
				a.read(3000)
				a.read(2000, c.back...)
				a.read(2001, clfs.RootID)
				links := func(want uint32) {
					t.Helper()
					a.sound()
					if n := nodeOf(t, a.j, 2000); n.Links != want {
						t.Fatalf("%d links, want %d", n.Links, want)
					}
				}
				links(c.links[0])
				for i, dir := range []clfs.ID{gone, goneToo} {
					if c.links[i] > c.links[2] {
						if u := unread(t, remove(a)); u != (Unread{Ino: 2000, Part: OtherNames}) {
							t.Errorf("it needs %+v", u)
						}
					}
					a.check(a.j.DropBacklinks(t.Context(), dir))
					links(c.links[i+1])
				}
				entries := []AdoptedEntry{in("x", fileID(2000)), in("y", fileID(2000))}
				a.list(3000, entries[:c.left]...)
				a.check(remove(a))
				a.sound()
				n := nodeOf(t, a.j, 2000)
				if (n.State == Removed) != (c.left == 0) || c.left > 0 && n.Links != c.left {
					t.Errorf("it is in state %d with %d links", n.State, n.Links)
				}
			})
		}
	}
}

// All files that name the directory are free of it at once, those as well that are gone already.
func TestALinkFromADirectoryThatIsGoneKeepsNoOtherFile(t *testing.T) {
	a := newAdoption(t)
	gone := dirID(4000)
	a.list(RootIno, in("a", fileID(2000)), in("b", fileID(2001)), in("c", fileID(2002)), in("d", fileID(2003)))
	for _, ino := range []Ino{2000, 2001, 2002} {
		a.read(ino, clfs.RootID, gone)
	}
	if d := a.drop(RootIno, 2000, 2001, 2003); d.Count != 1 {
		t.Fatalf("dropped %+v", d)
	}
	a.check(a.j.DropBacklinks(t.Context(), gone))
	a.check(a.j.DropBacklinks(t.Context(), gone))
	a.sound()
	for _, name := range []string{"a", "b"} {
		if n := a.find(RootIno, name); n.Links != 1 {
			t.Errorf("%s has %d links", name, n.Links)
		}
	}
	list, err := a.j.Backlinks(t.Context(), 2001)
	if err != nil || len(list) > 0 {
		t.Errorf("%v, %v", list, err)
	}
}
