package tree_test

import (
	"context"
	"errors"
	"testing"

	"clfsload/sync/blob"
	"clfsload/sync/tree"
	"clfsload/sync/tree/treetest"
)

func TestRenewReadsOnlyWhatWasReplaced(t *testing.T) {
	b := treetest.New(t)
	f := b.Root.File("file", []byte("old"))
	tr := open(t, b.Finish())
	n := lookup(t, tr, "file")
	requests := tr.Traffic().Requests
	if again, err := tr.Renew(t.Context(), n); err != nil || again != n {
		t.Errorf("unchanged: %v, %v", again, err)
	}
	if asked := tr.Traffic().Requests - requests; asked != 1 {
		t.Errorf("%d requests", asked)
	}
	// A publication that follows one that was cut off may put a version again.
	f.Inode.Data = []byte("new")
	f.Put()
	again, err := tr.Renew(t.Context(), n)
	if err != nil || again == n || again.Blob != n.Blob || string(again.Inode.Data) != "new" {
		t.Errorf("put again: %+v, %v", again, err)
	}
	before := f.Blob()
	f.Version++
	f.Put()
	b.Delete(before)
	if newer, err := tr.Renew(t.Context(), again); err != nil || newer.Version != again.Version+1 {
		t.Errorf("a higher version: %+v, %v", newer, err)
	}
	b.Delete(f.Blob())
	var d *tree.Damage
	if _, err := tr.Renew(t.Context(), n); !errors.As(err, &d) || d.Kind != tree.KindMissing {
		t.Errorf("removed: %v", err)
	}
}

// replacing is a container in which an inode is replaced between each listing and read of it.
type replacing struct {
	blob.Container
	replace func(name string)
}

func (r replacing) Get(ctx context.Context, name string, offset, length int64) (blob.Object, error) {
	r.replace(name)
	return r.Container.Get(ctx, name, offset, length)
}

func TestAnInodeThatIsReplacedAgainAndAgainIsRead(t *testing.T) {
	b := treetest.New(t)
	f := b.Root.File("file", []byte("text"))
	b.Finish()
	left := 5
	tr := tree.New(replacing{b.Container, func(name string) {
		if left > 0 && name == f.Blob() {
			left--
			f.Version++
			f.Put()
			b.Delete(name)
		}
	}}, tree.Options{TempDir: t.TempDir()})
	defer tr.Close()
	if n, err := tr.Node(t.Context(), f.ID); err != nil || left != 0 || n.Version != f.Version {
		t.Errorf("%+v, %v, %d replacements left", n, err, left)
	}
}
