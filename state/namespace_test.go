package state

import (
	"errors"
	"path/filepath"
	"testing"

	"clfsload/clfs"
)

// newMount returns the open journal of a mount.
func newMount(t testing.TB) *Journal {
	t.Helper()
	return newMountAt(t, filepath.Join(t.TempDir(), "state"))
}

func newMountAt(t testing.TB, dir string) *Journal {
	t.Helper()
	s := testSettings
	s.Kind = KindMount
	j, err := Create(dir, s, directory)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}

var regular = Attr{Type: clfs.TypeRegular, Mode: 0o100644, Mtime: 1, Ctime: 1, Atime: 1}

func addNode(t testing.TB, j *Journal, dir Ino, name string, a Attr) Node {
	t.Helper()
	n, err := j.Add(t.Context(), Addition{Dir: dir, Name: []byte(name), Attr: a})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func nodeOf(t testing.TB, j *Journal, ino Ino) Node {
	t.Helper()
	n, err := j.Node(t.Context(), ino)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestAddedNodesAreFoundByTheirNames(t *testing.T) {
	j := newMount(t)
	d := addNode(t, j, RootIno, "d", directory)
	f := addNode(t, j, d.Ino, "f", regular)
	got, err := j.Lookup(t.Context(), d.Ino, []byte("f"))
	if err != nil || got.Ino != f.Ino || got.State != Dirty || got.ID != f.ID || got.Version != clfs.FirstVersion {
		t.Errorf("%+v, %v, want %+v", got, err, f)
	}
	if root := nodeOf(t, j, RootIno); root.Links != 3 || root.State != Held {
		t.Errorf("root %+v", root)
	}
	if _, err := j.Add(t.Context(), Addition{Dir: d.Ino, Name: []byte("f"), Attr: regular}); !errors.Is(err, ErrNameTaken) {
		t.Errorf("adding it again: %v", err)
	}
	list, err := j.List(t.Context(), RootIno, 0, 10)
	if err != nil || len(list) != 1 || list[0].Cookie <= 2 || list[0].Node.Ino != d.Ino {
		t.Errorf("listed %+v, %v", list, err)
	}
}
