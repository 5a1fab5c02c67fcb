package engine

import (
	"errors"
	"testing"

	"clfsload/clfs"
	"clfsload/clfs/compression"
	"clfsload/state"
	"clfsload/sync/blob/mem"
)

func TestADirectoryIsForgottenThoughAFileHasNamesOnTwoOfItsLevels(t *testing.T) {
	f := newFixture(t, compression.None)
	f.dir("d")
	f.dir("d/sub")
	linked := f.attr(clfs.TypeRegular, 10)
	linked.Nlink = 2
	for _, dir := range []string{"d", "d/sub"} {
		f.add(dir, state.Entry{Name: []byte("f"), Attr: linked})
	}
	f.scanned()
	before := f.journal.Totals().FoundInodes
	if err := f.engine(mem.New(), 1).relist(t.Context(), f.dirs["d"]); err != nil {
		t.Fatal(err)
	}
	if gone := before - f.journal.Totals().FoundInodes; gone != 3 {
		t.Errorf("%d inodes are forgotten, want 3", gone)
	}
}

// A directory that was put, but for its inode, and lost entries before it is put again.
func TestADirectoryThatGetsShorterLeavesNoSegment(t *testing.T) {
	f := newFixture(t, compression.None)
	f.wide("d", 300)
	f.scanned()
	c := &spy{Container: mem.New()}
	stop := errors.New("stop")
	segments := 0
	c.before = func(name string, _ []byte) error {
		switch n := nameOf(t, name); {
		case n.Type == clfs.TypeSegment:
			segments++
		case n.Type == clfs.TypeDirectory:
			return stop
		}
		return nil
	}
	if err := f.load(t.Context(), c); !errors.Is(err, stop) || segments == 0 {
		t.Fatalf("load: %v, %d segments", err, segments)
	}
	c.before = nil
	e := f.engine(c, 4)
	for ino := f.dirs["d"].Ino + 1; ino <= f.dirs["d"].Ino+290; ino++ {
		if err := e.relist(t.Context(), f.inode(ino)); err != nil {
			t.Fatal(err)
		}
	}
	f.scanned()
	f.mustLoad(c)
	f.sound(c)
}
