package engine

import (
	"testing"

	"clfsload/clfs"
	"clfsload/state"
	"clfsload/sync/blob/mem"
)

func TestADirectoryIsForgottenThoughAFileHasNamesOnTwoOfItsLevels(t *testing.T) {
	f := newFixture(t, clfs.CompressionNone)
	f.dir("d")
	f.dir("d/sub")
	linked := f.attr(clfs.TypeRegular, 10)
	linked.Nlink = 2
	for _, dir := range []string{"d", "d/sub"} {
		f.add(dir, state.Entry{Name: []byte("f"), Attr: linked})
	}
	f.scanned()
	before := f.journal.Totals().FoundInodes
	if err := f.engine(mem.New(), 1).forget(t.Context(), f.dirs["d"]); err != nil {
		t.Fatal(err)
	}
	if gone := before - f.journal.Totals().FoundInodes; gone != 3 {
		t.Errorf("%d inodes are forgotten, want 3", gone)
	}
}
