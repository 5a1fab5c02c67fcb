package adopt

import (
	"bytes"
	"maps"
	"path/filepath"
	"strings"
	"testing"

	"clfsload/clfs"
	"clfsload/clfs/compression"
	"clfsload/clfs/object"
	"clfsload/tests/harness"
	"clfsload/tests/inventory"
	"clfsload/tests/mounted"
	"clfsload/tests/trees"
)

// knownOfGolden is what the reader has to say of each container of CLFSLoad.
const knownOfGolden = `"links/utf8-target": size is 4, not 10`

// goldenCopy mounts a golden container with a new STATE, and copies its tree.
func goldenCopy(t *testing.T, name string) (i *mounted.Intake, copied string) {
	t.Helper()
	target := trees.GoldenContainer(t, name)
	i = mounted.NewIntakeInto(t, target, mounted.Quickly...)
	copied = filepath.Join(t.TempDir(), "copy")
	// A copy of all but what the container has of times below some microseconds.
	harness.RunTool(t, "rsync", "-aH", harness.ExactTimes, i.Point+"/", copied+"/")
	return i, copied
}

func TestAnAdoptedContainerShowsWhatAReadOnlyMountShows(t *testing.T) {
	for _, name := range []string{"lz4", "raw"} {
		t.Run(name, func(t *testing.T) {
			target := trees.GoldenContainer(t, name)
			before := harness.ContentsOf(t, strings.TrimPrefix(target, "dir:"))
			reader := mounted.ReadOnly(t, target)
			want, numbers := trees.List(t, reader.Point), trees.NumbersOf(t, reader.Point)
			i := mounted.NewIntakeInto(t, target, mounted.Quickly...)
			got := trees.List(t, i.Point)
			scope := trees.AsMounted
			scope.FileID = true
			trees.ReportLines(t, "the mounts differ", inventory.Compare(want, got, scope))
			trees.SameLinkCounts(t, reader.Point, i.Point)
			if again := trees.NumbersOf(t, i.Point); len(again) != len(numbers) {
				t.Errorf("%d inodes, not %d", len(again), len(numbers))
			}
			i.Unmounted()
			c := trees.ChangesOf(before, harness.ContentsOf(t, i.Container()))
			mustChange(t, c, map[clfs.Type]int{}, map[clfs.Type]int{})
		})
	}
}

// changeGolden makes changes of all kinds to the golden tree.
func changeGolden(e *editor) {
	noise := bytes.Repeat([]byte("some noise that is not in there yet "), 3000)
	e.write("added", 0, []byte("new"))
	e.mkdir("new")
	e.write("new/large", 0, bytes.Repeat(noise, 150)) // 16 MB
	e.mkdir("empty/nested/fresh")
	e.write("empty/nested/fresh/file", 0, noise)
	e.write("sizes/zero-17000000", 9_000_000, noise) // in the middle
	e.write("sizes/text-8404993", 8_404_993, noise)  // at the end, across segments
	e.write("sizes/text-100", 3, []byte("middle"))   // in the first bytes
	e.mapped("sizes/rand-20000", 16_000, noise[:3000])
	e.truncate("sizes/text-16392", 5000)
	e.truncate("sizes/rand-16391", 20_000_000)
	e.truncate("sizes/text-8404991", 16_384)
	e.rename("names/.hidden", "names/not hidden")
	e.rename("modes/secret", "empty/secret")
	e.rename("links/other", "empty/nested/other")
	e.link("added", "links/another name of added")
	e.chmod("modes/none", 0o640)
	e.chmod("special/fifo", 0o600)
	e.symlink("../somewhere/else", "links/new symlink")
	e.write("replacement", 0, noise)
	e.rename("replacement", "names/with\nnewline")
	e.remove("dir-first-segment-overflow")
}

func TestEachGoldenContainerIsChangedAsACopyOfItsTree(t *testing.T) {
	for _, name := range []string{"lz4", "raw"} {
		t.Run(name, func(t *testing.T) {
			i, copied := goldenCopy(t, name)
			original := harness.ContentsOf(t, i.Container())
			before := soundButFor(t, i.Blobs(), knownOfGolden)
			e := newEditor(t, copied, i.Point)
			changeGolden(e)
			i.Publish()
			tree := trees.List(t, i.Point)
			trees.ReportLines(t, "the mount differs from the copy", inventory.Compare(trees.List(t, copied), tree, trees.AsCopied))
			after := soundButFor(t, i.Blobs(), knownOfGolden)
			trees.ReportLines(t, "the container differs from the mount", inventory.Compare(withoutUTF8(tree), withoutUTF8(after.Tree), trees.AsMounted))
			mustKeepUntouched(t, original, harness.ContentsOf(t, i.Container()), before.Tree, after.Tree)

			// Then rsync brings changes in.
			e.roots = e.roots[:1]
			e.write("new/by rsync", 0, []byte("text"))
			e.write("sizes/zero-17000000", 100, []byte("in place"))
			e.remove("modes")
			harness.RunTool(t, "rsync", "-aH", harness.ExactTimes, "--inplace", "--no-whole-file", "--delete", copied+"/", i.Point+"/")
			i.NothingToDo(copied)
			i.Unmounted()
			after = soundButFor(t, i.Blobs(), knownOfGolden)
			trees.ReportLines(t, "the container differs from the copy", inventory.Compare(withoutUTF8(trees.List(t, copied)), withoutUTF8(after.Tree), trees.AsCopied))
			harness.Clfsload(t, "verify", "--source", copied, i.Target).MustExit(harness.ExitOK).MustSay("sound")
		})
	}
}

// withoutUTF8 leaves out the size of a link that CLFSLoad counts in characters.
func withoutUTF8(tree inventory.Tree) inventory.Tree {
	tree = maps.Clone(tree)
	if e, found := tree["links/utf8-target"]; found {
		e.Size = 0
		tree["links/utf8-target"] = e
	}
	return tree
}

// mustKeepUntouched wants the blobs of objects that are the same before and after to be the
// same bytes under the same names.
func mustKeepUntouched(t *testing.T, before, after map[string][]byte, was, is inventory.Tree) {
	t.Helper()
	changed := map[uint64]bool{} // inode numbers
	for path, e := range was {
		if is[path] != e {
			changed[e.FileID] = true
		}
	}
	owners, kept := ownersOf(t, before), 0
	for name, data := range before {
		owner, found := owners[name]
		switch {
		case !found || changed[owner]:
		case bytes.Equal(after[name], data):
			kept++
		default:
			t.Errorf("%s is not as it was, though nothing of inode %d has changed", name, owner)
		}
	}
	if kept < len(before)/2 {
		t.Errorf("only %d of %d blobs were left alone", kept, len(before))
	}
}

// ownersOf says for each blob of an inode or a segment which inode number it belongs to.
func ownersOf(t *testing.T, blobs map[string][]byte) map[string]uint64 {
	t.Helper()
	numbers, segments, owners := map[clfs.ID]uint64{}, map[string]clfs.ID{}, map[string]uint64{}
	for name, data := range blobs {
		n, err := clfs.ParseName(name)
		harness.Must(t, err)
		payload, _, err := compression.Unpack(data, object.MaxSegmentPayload)
		harness.Must(t, err)
		if in, err := object.DecodeInode(payload); err == nil {
			numbers[n.ID], owners[name] = in.Attr.FileID, in.Attr.FileID
		} else if s, err := object.DecodeSegment(payload); err == nil {
			segments[name] = s.Owner
		}
	}
	for name, id := range segments {
		owners[name] = numbers[id]
	}
	return owners
}
