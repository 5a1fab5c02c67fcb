package adopt

import (
	"errors"
	"testing"

	"clfsload/clfs"
	"clfsload/state"
	"clfsload/sync/blob/faulty"
	"clfsload/sync/tree/treetest"
)

// removes removes a name in the root, and reads what that needs.
func (r *reading) removes(name string) (n state.Node, err error) {
	r.t.Helper()
	for range 10 {
		n, err = r.journal.Unlink(r.t.Context(), state.RootIno, []byte(name), 5, func(state.Ino) bool { return false })
		var u *state.Unread
		if !errors.As(err, &u) {
			return n, err
		}
		if err := r.Read(r.t.Context(), *u); err != nil {
			return n, err
		}
	}
	return n, err
}

// linked builds a container with a file whose inode names directories beside the root.
func linked(t *testing.T, back func(b *treetest.Builder, f *treetest.Node) []clfs.ID) *reading {
	t.Helper()
	b := treetest.New(t)
	f := b.Root.File("f", nil)
	more := back(b, f)
	b.Finish()
	f.Inode.BackPointers = append([]clfs.ID{clfs.RootID}, more...)
	f.Put()
	return newReading(t, b)
}

// goneID is a directory that is not in the container.
var goneID = clfs.Handle{ContainerID: treetest.ContainerID & clfs.ContainerIDMask, Type: clfs.TypeDirectory, Sequence: 1 << 20, Random: 7}.ID()

func TestAStaleBackPointerKeepsNoFile(t *testing.T) {
	for name, back := range map[string]func(b *treetest.Builder, f *treetest.Node) []clfs.ID{
		"to no object":     func(*treetest.Builder, *treetest.Node) []clfs.ID { return []clfs.ID{goneID} },
		"to none, twice":   func(*treetest.Builder, *treetest.Node) []clfs.ID { return []clfs.ID{goneID, goneID} },
		"to two":           func(*treetest.Builder, *treetest.Node) []clfs.ID { return []clfs.ID{goneID, "0123456789abcdef"} },
		"to what lacks it": func(b *treetest.Builder, _ *treetest.Node) []clfs.ID { return []clfs.ID{b.Root.Dir("d").ID} },
		"to what is deep": func(b *treetest.Builder, _ *treetest.Node) []clfs.ID {
			return []clfs.ID{b.Root.Dir("d").Dir("e").ID, goneID}
		},
		"to a file": func(b *treetest.Builder, _ *treetest.Node) []clfs.ID { return []clfs.ID{b.Root.File("g", nil).ID} },
		"to a file further": func(b *treetest.Builder, _ *treetest.Node) []clfs.ID {
			return []clfs.ID{b.Root.Dir("d").File("g", nil).ID}
		},
		"to itself": func(_ *treetest.Builder, f *treetest.Node) []clfs.ID { return []clfs.ID{f.ID} },
	} {
		t.Run(name, func(t *testing.T) {
			r := linked(t, back)
			if err := r.read(state.RootIno, state.Entries); err != nil {
				t.Fatal(err)
			}
			if n, err := r.removes("f"); err != nil || n.State != state.Removed {
				t.Errorf("state %d with %d links, %v", n.State, n.Links, err)
			}
		})
	}
}

func TestANameThatABackPointerLeadsToStays(t *testing.T) {
	r := linked(t, func(b *treetest.Builder, f *treetest.Node) []clfs.ID {
		e := b.Root.Dir("d").Dir("e")
		e.Link("g", f)
		return []clfs.ID{goneID, e.ID}
	})
	if err := r.read(state.RootIno, state.Entries); err != nil {
		t.Fatal(err)
	}
	n, err := r.removes("f")
	if err != nil || n.State == state.Removed || n.Links != 1 || string(n.Name) != "g" {
		t.Errorf("%+v, %v", n, err)
	}
}

// A directory must not pass for one that is gone because a request failed.
func TestANameIsNotTakenForStaleBecauseARequestFails(t *testing.T) {
	for _, m := range []faulty.Method{faulty.List, faulty.Get} {
		for skip := range 4 {
			r := linked(t, func(b *treetest.Builder, f *treetest.Node) []clfs.ID {
				d := b.Root.Dir("d").Dir("e")
				d.Link("g", f)
				return []clfs.ID{d.ID}
			})
			if err := r.read(state.RootIno, state.Entries); err != nil {
				t.Fatal(err)
			}
			if err := r.read(r.lookup(state.RootIno, "f").Ino, state.Attributes); err != nil {
				t.Fatal(err)
			}
			failed := errors.New("out of reach")
			r.c.On(m, faulty.Fault{Err: failed, Skip: skip})
			n, err := r.removes("f")
			if err != nil {
				if !errors.Is(err, failed) {
					t.Fatal(err)
				}
				n, err = r.removes("f")
			}
			if err != nil || n.State == state.Removed || n.Links != 1 {
				t.Errorf("%s %d fails: %+v, %v", m, skip, n, err)
			}
		}
	}
}
