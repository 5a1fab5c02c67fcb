package export

import (
	"testing"

	"clfsload/sync/deepdir"
	"clfsload/sync/tree"
	"clfsload/sync/tree/treetest"
)

// Each level was once opened from the root of the destination.
func TestADeepTreeIsNotOpenedFromTheDestinationForEachDirectory(t *testing.T) {
	const levels = 1200
	b := treetest.New(t)
	d := b.Root
	for range levels {
		d = d.Dir("d")
	}
	f := d.File("deepest", []byte("x"))
	d.Link("again", f)
	b.Finish()
	tr := tree.New(b.Container, tree.Options{TempDir: t.TempDir()})
	defer tr.Close()
	root, err := tr.Root(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	x, err := New(tr, root, t.TempDir(), Options{Owners: true})
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	opened, open := 0, x.above.Open
	x.above.Open = func(dir int, names, path string) (int, error) {
		opened++
		return open(dir, names, path)
	}
	if err := x.Run(t.Context(), "/"); err != nil {
		t.Fatal(err)
	}
	// Once down for the walk, for the links and for what is finished, which goes up in steps of what is
	// kept, and whenever what is kept is renewed.
	const pieces = levels / deepdir.Names
	if most := pieces * (3 + pieces/deepdir.Kept + 2*levels/deepdir.Renewed); opened == 0 || opened > most {
		t.Errorf("%d pieces of paths were opened, want %d or less", opened, most)
	}
	if c := x.Counts(); c.Directories != levels+1 || c.Files+c.Others != 2 {
		t.Errorf("%+v", c)
	}
}
