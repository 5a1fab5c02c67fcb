package engine

import (
	"errors"
	"testing"

	"clfsload/clfs"
	"clfsload/state"
	"clfsload/sync/blob"
	"clfsload/sync/tree"
	"clfsload/sync/tree/verify"
)

// entryOf is what a tree has under a path.
type entryOf struct {
	id   clfs.ID
	typ  clfs.Type
	mode uint32
	data string // contents, or the target
}

// tree is what the mount shows.
func (m *mount) tree() map[string]entryOf {
	m.t.Helper()
	all := map[string]entryOf{}
	var walk func(dir state.Ino, at string)
	walk = func(dir state.Ino, at string) {
		list, err := m.journal.List(m.t.Context(), dir, 0, 100000)
		m.check(err)
		for _, l := range list {
			n := l.Node
			e := entryOf{id: n.ID, typ: n.Attr.Type, mode: n.Attr.Mode, data: string(n.Target)}
			if n.Attr.Type == clfs.TypeRegular {
				e.data = string(m.staged[n.Ino])
			}
			p := at + "/" + string(l.Name)
			all[p] = e
			if n.IsDirectory() {
				walk(n.Ino, p)
			}
		}
	}
	walk(state.RootIno, "")
	return all
}

// published is what the root of a container leads to. Everything must be whole.
func published(t *testing.T, c blob.Container) map[string]entryOf {
	t.Helper()
	tr := tree.New(c, tree.Options{TempDir: t.TempDir()})
	defer tr.Close()
	root, err := tr.Root(t.Context())
	if errors.Is(err, tree.ErrUnfinished) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	all, above := map[string]entryOf{}, map[clfs.ID]bool{}
	var walk func(dir *tree.Node, at string)
	walk = func(dir *tree.Node, at string) {
		if above[dir.ID] {
			return // a loop, as there may be during a publication
		}
		above[dir.ID] = true
		defer delete(above, dir.ID)
		for d, err := range tr.Entries(t.Context(), dir) {
			if err != nil {
				t.Fatalf("%s: %v", at, err)
			}
			if string(d.Name) == "." || string(d.Name) == ".." {
				continue
			}
			p := at + "/" + string(d.Name)
			n, err := tr.Node(t.Context(), d.ID)
			if err != nil {
				t.Fatalf("%s: %v", p, err)
			}
			if _, twice := all[p]; twice {
				t.Fatalf("%s is listed twice", p)
			}
			e := entryOf{id: d.ID, typ: n.Type(), mode: n.Inode.Attr.Mode, data: string(n.Target())}
			if n.Type() == clfs.TypeRegular {
				data := make([]byte, n.Inode.Attr.Size)
				if got, err := tr.ReadAt(t.Context(), n, data, 0); got != len(data) {
					t.Fatalf("%s: %d of %d bytes: %v", p, got, len(data), err)
				}
				e.data = string(data)
			}
			all[p] = e
			if n.IsDir() {
				walk(n, p)
			}
		}
	}
	walk(root, "")
	return all
}

func sameTree(t *testing.T, got, want map[string]entryOf) {
	t.Helper()
	for p, w := range want {
		g, ok := got[p]
		switch {
		case !ok:
			t.Errorf("%s is missing", p)
		case g.data != w.data:
			t.Errorf("%s: other contents (%d bytes, want %d)", p, len(g.data), len(w.data))
		case g != w:
			t.Errorf("%s is a %s %o, id %s, want %s %o, id %s", p, g.typ, g.mode, g.id, w.typ, w.mode, w.id)
		}
	}
	for p := range got {
		if _, ok := want[p]; !ok {
			t.Errorf("%s is too many", p)
		}
	}
}

// sound holds the container to the format and to the mount: it has all of it, and
// nothing else.
func (m *mount) sound() {
	m.t.Helper()
	sameTree(m.t, published(m.t, m.c), m.tree())
	tr := tree.New(m.c, tree.Options{TempDir: m.t.TempDir()})
	defer tr.Close()
	_, err := verify.Run(m.t.Context(), tr, verify.Options{Found: func(f verify.Finding) {
		if f.Severity == verify.Damage {
			m.t.Errorf("verify: %s", f)
		}
	}})
	m.check(err)
}
