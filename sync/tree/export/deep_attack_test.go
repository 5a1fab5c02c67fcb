package export_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"clfsload/clfs"
	"clfsload/sync/deepdir"
	"clfsload/sync/tree"
	"clfsload/sync/tree/export"
	"clfsload/sync/tree/treetest"
)

// A user exchanges a directory, and all below it, above and below a directory that the export keeps open.
func TestADeepDirectoryThatAUserExchangedGetsNothing(t *testing.T) {
	const levels = 2 * deepdir.Names
	below := func(n int) string { return strings.Repeat("d/", n) }
	for _, at := range []int{1, deepdir.Names - 1, deepdir.Names, deepdir.Names + 1, levels} {
		t.Run(fmt.Sprint("level ", at), func(t *testing.T) {
			b := treetest.New(t)
			d := b.Root
			for range levels {
				d = d.Make(clfs.TypeDirectory, "d", 0o755)
			}
			f := big(d, "file", 0o4755)
			d.Link("linked", f)
			b.Finish()
			dest := t.TempDir()
			taken := filepath.Join(dest, below(at))
			swap := func() {
				must(t, os.Rename(taken, taken+".moved"))
				for n := at; n <= levels; n++ {
					attackersDirectory(t, filepath.Join(dest, below(n)))
				}
			}
			out := exportTo(t, &intruder{Container: b.Container, blob: f.SegmentBlob(0), act: swap}, dest, export.Options{KeepGoing: true})
			// The link, and each directory from the exchanged one down.
			if out.err != nil || len(out.failures) != 1+levels-at+1 {
				t.Errorf("%v, %d failures %v", out.err, len(out.failures), out.failures)
			}
			for n := at; n <= levels; n++ {
				path := filepath.Join(dest, below(n))
				if st := look(t, path); st.Uid != attacker {
					t.Errorf("the attacker's directory at level %d belongs to %d now", n, st.Uid)
				}
				if list, err := os.ReadDir(path); err != nil || n == levels && len(list) > 0 {
					t.Errorf("level %d has %v, %v", n, list, err)
				}
			}
		})
	}
}

// The export goes on in a directory that it keeps open, and that was moved together with one above it.
func TestADeepDirectoryThatAUserMovedAwayStaysClosed(t *testing.T) {
	const levels = 2 * deepdir.Names
	b := treetest.New(t)
	d := b.Root
	var f *treetest.Node
	for n := range levels {
		if n == deepdir.Names+2 {
			f = big(d, "big", 0o644)
		}
		d = d.Make(clfs.TypeDirectory, "d", 0o755)
	}
	b.Finish()
	dest, away := t.TempDir(), filepath.Join(t.TempDir(), "away")
	move := func() { must(t, os.Rename(filepath.Join(dest, "d"), away)) }
	c := &intruder{Container: b.Container, blob: f.SegmentBlob(0), act: move}
	out := exportWith(t, c, dest, tree.Options{Requests: 1}, export.Options{KeepGoing: true})
	if out.err != nil || len(out.failures) < deepdir.Names {
		t.Errorf("%v, failures %v", out.err, out.failures)
	}
	for _, failure := range out.failures {
		if !strings.Contains(failure.Reason, "moved or replaced") {
			t.Errorf("%v", failure)
		}
	}
	must(t, filepath.WalkDir(away, func(path string, e os.DirEntry, err error) error {
		if st := look(t, path); e.IsDir() && (st.Uid != 0 || st.Mode&0o7777 != 0o700) {
			t.Errorf("%s belongs to %d, mode %o", path, st.Uid, st.Mode)
		}
		return err
	}))
}
