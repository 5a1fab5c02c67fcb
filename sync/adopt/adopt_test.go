package adopt

import (
	"errors"
	"log/slog"
	"path/filepath"
	"testing"

	"clfsload/clfs"
	"clfsload/state"
	"clfsload/sync/blob/faulty"
	"clfsload/sync/tree"
	"clfsload/sync/tree/treetest"
)

// reading is a reader of a container that a test has built.
type reading struct {
	*Reader
	t *testing.T
	c *faulty.Container
}

func newReading(t *testing.T, b *treetest.Builder) *reading {
	t.Helper()
	c := faulty.New(b.Container)
	tr := tree.New(c, tree.Options{})
	found, err := Inspect(t.Context(), tr, false)
	if err != nil {
		t.Fatal(err)
	}
	s, err := found.Settings(state.Settings{Target: "mem", DirMgrCount: 48, MassUUID: "m", WipeUUID: "w", Key: clfs.Key{9}})
	if err != nil {
		t.Fatal(err)
	}
	j, err := state.Adopt(filepath.Join(t.TempDir(), "state"), s, found.Adoption())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return &reading{New(j, tr, slog.New(slog.DiscardHandler)), t, c}
}

func (r *reading) read(ino state.Ino, part state.Part) error {
	return r.Read(r.t.Context(), state.Unread{Ino: ino, Part: part})
}

func (r *reading) lookup(dir state.Ino, name string) state.Node {
	r.t.Helper()
	n, err := r.journal.Lookup(r.t.Context(), dir, []byte(name))
	if err != nil {
		r.t.Fatal(err)
	}
	return n
}

// renumber gives a node an id that does not tell its type.
func renumber(dir, n *treetest.Node, id clfs.ID) {
	for i := range dir.Entries {
		if dir.Entries[i].ID == n.ID {
			dir.Entries[i].ID = id
		}
	}
	n.ID = id
}

// What an inode is must not be taken from a request that failed.
func TestADirectoryWithAnOddIDIsNoFileBecauseARequestFails(t *testing.T) {
	b := treetest.New(t)
	d := b.Root.Dir("d")
	renumber(b.Root, d, "0123456789abcdef")
	b.Root.File("f", nil)
	b.Finish()
	for _, m := range []faulty.Method{faulty.List, faulty.Get} {
		r := newReading(t, b)
		failed := errors.New("out of reach")
		r.c.On(m, faulty.Fault{Err: failed, Prefix: clfs.NamePrefix(d.ID)})
		for skip := 0; skip < 3; skip++ { // the first may be the root's
			if err := r.read(state.RootIno, state.Entries); err == nil {
				break
			} else if !errors.Is(err, failed) {
				t.Fatal(err)
			}
		}
		if n := r.lookup(state.RootIno, "d"); !n.IsDirectory() {
			t.Errorf("%s fails: it is a %s", m, n.Attr.Type)
		}
		if err := r.read(r.lookup(state.RootIno, "d").Ino, state.Entries); err != nil {
			t.Error(err)
		}
	}
}

func TestADamagedInodeWithAnOddIDIsListed(t *testing.T) {
	b := treetest.New(t)
	f := b.Root.File("f", nil)
	renumber(b.Root, f, "0123456789abcdef")
	b.Finish()
	b.PutBytes(f.Blob(), []byte("no object"))
	r := newReading(t, b)
	if err := r.read(state.RootIno, state.Entries); err != nil {
		t.Fatal(err)
	}
	if err := r.read(r.lookup(state.RootIno, "f").Ino, state.Attributes); !errors.Is(err, tree.ErrDamaged) {
		t.Errorf("read it: %v", err)
	}
}

// What was dropped since it was asked for is nobody's error: the call that asked is repeated.
func TestWhatWasDroppedIsReadByWhoeverLooksAgain(t *testing.T) {
	b := treetest.New(t)
	d := b.Root.Dir("d")
	d.File("f", nil)
	b.Finish()
	r := newReading(t, b)
	if err := r.read(state.RootIno, state.Entries); err != nil {
		t.Fatal(err)
	}
	ino := r.lookup(state.RootIno, "d").Ino
	if _, err := r.Drop(t.Context(), state.RootIno, nil, func(state.Ino) bool { return false }); err != nil {
		t.Fatal(err)
	}
	for _, part := range []state.Part{state.Attributes, state.Entries, state.OtherNames} {
		if err := r.read(ino, part); err != nil {
			t.Errorf("read %s: %v", part, err)
		}
	}
}
