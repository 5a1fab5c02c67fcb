package adopt

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/clfs"
	"clfsload/sync/tree/treetest"
	"clfsload/tests/harness"
	"clfsload/tests/inventory"
	"clfsload/tests/mounted"
	"clfsload/tests/trees"
)

// names lists a directory of a mount.
func namesIn(t *testing.T, path string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(path)
	harness.Must(t, err)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// refusedChanges are all that would write the directory "odd" again.
var refusedChanges = map[string]func(root string) error{
	"create":      func(root string) error { return os.WriteFile(root+"/odd/new", nil, 0o644) },
	"mkdir":       func(root string) error { return unix.Mkdir(root+"/odd/new", 0o755) },
	"unlink":      func(root string) error { return unix.Unlink(root + "/odd/plain") },
	"rename":      func(root string) error { return unix.Rename(root+"/odd/plain", root+"/odd/new") },
	"move away":   func(root string) error { return unix.Rename(root+"/odd/plain", root+"/new") },
	"move in":     func(root string) error { return unix.Rename(root+"/beside", root+"/odd/new") },
	"replace":     func(root string) error { return unix.Rename(root+"/beside", root+"/odd/plain") },
	"link":        func(root string) error { return unix.Link(root+"/beside", root+"/odd/new") },
	"symlink":     func(root string) error { return unix.Symlink("text", root+"/odd/new") },
	"mknod":       func(root string) error { return unix.Mknod(root+"/odd/new", unix.S_IFIFO|0o600, 0) },
	"chmod":       func(root string) error { return unix.Chmod(root+"/odd", 0o700) },
	"chown":       func(root string) error { return unix.Lchown(root+"/odd", 7, 7) },
	"its name":    func(root string) error { return unix.Rename(root+"/odd", root+"/renamed") },
	"its removal": func(root string) error { return unix.Rmdir(root + "/odd") },
	"utimes":      func(root string) error { return unix.Utimes(root+"/odd", []unix.Timeval{{Sec: 5}, {Sec: 6}}) },
	"exchange": func(root string) error {
		return harness.Rename(root+"/beside", root+"/odd/plain", unix.RENAME_EXCHANGE)
	},
}

// A directory that cannot be written again as it is can be read and not be changed. What is
// in it can be changed where that does not change the directory.
func TestADirectoryThatCannotBeWrittenAgainIsReadAndNotChanged(t *testing.T) {
	for name, makeOdd := range map[string]func(b *treetest.Builder, odd *treetest.Node){
		"a name twice": func(b *treetest.Builder, odd *treetest.Node) {
			odd.Link("plain", b.Root.File("another", []byte("other")))
		},
		"a slash in a name": func(b *treetest.Builder, odd *treetest.Node) { odd.Link("a/b", b.Root.File("another", nil)) },
		"a NUL in a name":   func(b *treetest.Builder, odd *treetest.Node) { odd.Link("a\x00b", b.Root.File("another", nil)) },
		"a name too long": func(b *treetest.Builder, odd *treetest.Node) {
			odd.Link(strings.Repeat("n", 300), b.Root.File("another", nil))
		},
		"another dot":         func(b *treetest.Builder, odd *treetest.Node) { odd.Link(".", b.Root.File("another", nil)) },
		"another's directory": func(b *treetest.Builder, odd *treetest.Node) { odd.Entry("twice", b.Root.Dir("once").ID) },
		"the root":            func(b *treetest.Builder, odd *treetest.Node) { odd.Entry("top", clfs.RootID) },
	} {
		t.Run(name, func(t *testing.T) {
			b := treetest.New(t)
			once := b.Root.File("beside", []byte("beside"))
			once.Inode.Attr.UID = 7
			odd := b.Root.Dir("odd")
			odd.File("plain", []byte("plain"))
			odd.Dir("below")
			makeOdd(b, odd)
			i := mounted.NewIntakeInto(t, built(t, b.Finish()), mounted.Quickly...)
			_ = namesIn(t, i.Path("")) // whoever lists "another's directory" here first has it
			_ = namesIn(t, i.Path("odd"))
			if text := harness.ReadText(t, i.Path("odd/plain")); text != "plain" && text != "other" {
				t.Errorf("the file holds %q", text)
			}
			before := harness.ContentsOf(t, i.Container())
			for what, change := range refusedChanges {
				if err := change(i.Point); !errors.Is(err, unix.EUCLEAN) {
					t.Errorf("%s: %v, not %v", what, err, unix.EUCLEAN)
				}
			}
			i.AwaitLog("/odd")
			harness.WriteFile(t, i.Path("odd/plain"), "written")
			harness.WriteFile(t, i.Path("odd/below/new"), "new")
			i.Unmounted()
			c := trees.ChangesOf(before, harness.ContentsOf(t, i.Container()))
			mustChange(t, c, types{clfs.TypeRegular: 2, clfs.TypeDirectory: 1}, types{clfs.TypeRegular: 1, clfs.TypeDirectory: 1})
			i.Again()
			if text := harness.ReadText(t, i.Path("odd/plain")); text != "written" {
				t.Errorf("the file holds %q", text)
			}
			i.Unmounted()
		})
	}
}

// Of a directory that cannot be read to its end the names before that are found. It is not
// listed and not changed.
func TestADirectoryThatCannotBeReadToItsEndIsNotChanged(t *testing.T) {
	b := treetest.New(t)
	b.Root.File("beside", []byte("beside"))
	odd := b.Root.Dir("odd")
	odd.File("plain", []byte("plain"))
	odd.Link("", b.Root.File("another", nil))
	odd.File("behind", []byte("behind"))
	i := mounted.NewIntakeInto(t, built(t, b.Finish()), mounted.Quickly...)
	if _, err := os.ReadDir(i.Path("odd")); !errors.Is(err, unix.EIO) {
		t.Errorf("list it: %v", err)
	}
	if text := harness.ReadText(t, i.Path("odd/plain")); text != "plain" {
		t.Errorf("the file holds %q", text)
	}
	before := harness.ContentsOf(t, i.Container())
	for what, change := range refusedChanges {
		if err := change(i.Point); !errors.Is(err, unix.EIO) {
			t.Errorf("%s: %v, not %v", what, err, unix.EIO)
		}
	}
	i.Unmounted()
	mustChange(t, trees.ChangesOf(before, harness.ContentsOf(t, i.Container())), types{}, types{})
}

// withID gives the last entry of a directory, which is new, another id.
func withID(dir, n *treetest.Node, id clfs.ID) *treetest.Node {
	n.ID = id
	dir.Entries[len(dir.Entries)-1].ID = id
	return n
}

// Objects whose ids are no handles, or handles of another container, are objects like others.
func TestObjectsWithOtherIdsAreChangedLikeOthers(t *testing.T) {
	b := treetest.New(t)
	for n, length := range []int{1, 5, 16, 23, 24, 25, 40, 64} {
		withID(b.Root, b.Root.File(fmt.Sprint("file-", n), []byte(fmt.Sprint(n))), clfs.ID(strings.Repeat("i", length)))
	}
	alien := clfs.NewHandle(clfs.Key{9}, 0x333, clfs.RootID, clfs.TypeRegular, 0, 1<<41)
	withID(b.Root, b.Root.File("alien", []byte("alien")), alien)
	huge := clfs.NewHandle(clfs.Key{9}, treetest.ContainerID, clfs.RootID, clfs.TypeRegular, 0, 1<<63)
	withID(b.Root, b.Root.File("huge", []byte("huge")), huge)
	dir := withID(b.Root, b.Root.Dir("directory"), clfs.ID(strings.Repeat("d", 30)))
	below := dir.File("below", []byte("below"))
	b.Root.Link("link", below)
	i := mounted.NewIntakeInto(t, built(t, b.Finish()), mounted.Quickly...)
	for range 2 {
		numbers := map[uint64]string{}
		for _, name := range namesIn(t, i.Path("")) {
			path := i.Path(name)
			var st unix.Stat_t
			harness.Must(t, unix.Lstat(path, &st))
			if other, taken := numbers[st.Ino]; taken {
				t.Errorf("%s and %s have number %d", name, other, st.Ino)
			}
			numbers[st.Ino] = name
			if st.Mode&unix.S_IFMT == unix.S_IFREG {
				harness.WriteFile(t, path, "changed "+name)
			}
		}
		harness.WriteFile(t, i.Path("directory/new"), "new")
		harness.Must(t, os.Chmod(i.Path("directory"), 0o700))
		tree := trees.List(t, i.Point)
		i.Unmounted()
		mustHaveOddIdsAlone(t, i.Target)
		i.AdoptAnew(mounted.Quickly...)
		trees.ReportLines(t, "the tree differs", inventory.Compare(tree, trees.List(t, i.Point), trees.AsMounted))
	}
	harness.Must(t, os.RemoveAll(i.Path("directory")))
	harness.Must(t, os.Remove(i.Path("file-0")))
	i.Unmounted()
	mustHaveOddIdsAlone(t, i.Target)
}

// mustHaveOddIdsAlone wants verify to find nothing wrong but two ids that are no handles of the
// container.
func mustHaveOddIdsAlone(t *testing.T, target string) {
	t.Helper()
	r := harness.Clfsload(t, "verify", target).MustExit(harness.ExitDamaged)
	if n := strings.Count(r.Stdout, "damage: "); n != strings.Count(r.Stdout, "damage: handle:") || n > 2 {
		t.Errorf("verify says\n%s", r.Stdout)
	}
}

// What only a cache leaves is taken, and goes when the object is put again.
func TestOldVersionsAndNamesOfHardLinksGoWithTheObjectsNextVersion(t *testing.T) {
	b := treetest.New(t)
	linked := b.Root.File("linked", []byte("linked"))
	b.Root.Dir("directory").Link("name", linked)
	linked.Type = clfs.TypeHardLink
	removed := b.Root.File("removed", []byte("removed"))
	removed.Type = clfs.TypeHardLink
	versions := b.Root.File("versions", []byte("old"))
	dir := b.Root.Dir("versioned")
	dir.File("in it", nil)
	b.Finish()
	for _, n := range []*treetest.Node{versions, dir, removed, b.Root} {
		for range 3 {
			n.Version += 2
			n.Put()
		}
	}
	i := mounted.NewIntakeInto(t, built(t, b), mounted.Quickly...)
	harness.Must(t, os.Chmod(i.Path("linked"), 0o600))
	harness.WriteFile(t, i.Path("versions"), "new")
	harness.WriteFile(t, i.Path("versioned/new"), "new")
	harness.Must(t, os.Remove(i.Path("removed")))
	i.Publish()
	i.MustBePublished()
	i.Unmounted()
	harness.Clfsload(t, "verify", i.Target).MustExit(harness.ExitOK)
}

// An entry that leads nowhere stays, and keeps nobody from the others.
func TestADanglingEntryDoesNotKeepItsDirectoryFromChanges(t *testing.T) {
	b := treetest.New(t)
	dir := b.Root.Dir("directory")
	dir.File("plain", []byte("plain"))
	gone, goneDir := dir.File("gone", nil), dir.Dir("gone-too")
	b.Finish()
	b.Delete(gone.Blob())
	b.Delete(goneDir.Blob())
	i := mounted.NewIntakeInto(t, built(t, b), mounted.Quickly...)
	if _, err := os.Stat(i.Path("directory/gone")); !errors.Is(err, unix.EIO) {
		t.Errorf("what is gone: %v", err)
	}
	if _, err := os.ReadDir(i.Path("directory/gone-too")); !errors.Is(err, unix.EIO) {
		t.Errorf("a directory that is gone: %v", err)
	}
	harness.WriteFile(t, i.Path("directory/new"), "new")
	harness.Must(t, os.Remove(i.Path("directory/plain")))
	i.Unmounted()
	i.AdoptAnew(mounted.Quickly...)
	if names := namesIn(t, i.Path("directory")); fmt.Sprint(names) != "[gone gone-too new]" {
		t.Errorf("the directory has %q", names)
	}
	i.Unmounted()
}

// A file that is not cut into blocks as ours are can be read, and not written.
func TestAFileWithOtherSegmentsIsReadAndNotWritten(t *testing.T) {
	b := treetest.New(t)
	file := b.Root.File("file", []byte("text"))
	b.Finish()
	file.Inode.SegmentSize = 4 << 20
	file.Put()
	i := mounted.NewIntakeInto(t, built(t, b), mounted.Quickly...)
	if text := harness.ReadText(t, i.Path("file")); text != "text" {
		t.Errorf("it holds %q", text)
	}
	if err := os.WriteFile(i.Path("file"), []byte("x"), 0o644); !errors.Is(err, unix.EUCLEAN) {
		t.Errorf("write: %v", err)
	}
	if err := os.Truncate(i.Path("file"), 1); !errors.Is(err, unix.EUCLEAN) {
		t.Errorf("truncate: %v", err)
	}
	harness.Must(t, os.Rename(i.Path("file"), i.Path("renamed")))
	harness.Must(t, os.Chmod(i.Path("renamed"), 0o600))
	i.Unmounted()
	i.Again()
	if text := harness.ReadText(t, i.Path("renamed")); text != "text" {
		t.Errorf("it holds %q", text)
	}
	harness.Must(t, os.Remove(i.Path("renamed")))
	i.Unmounted()
	trees.ReadContainer(t, i.Blobs())
}

// Holes are null ids in a block map. Changes in all trees of indirect blocks keep what is
// beside them.
func TestAHugeSparseFileIsChangedInAllTreesOfItsBlockMap(t *testing.T) {
	const blocks = 6500
	b := treetest.New(t)
	file := b.Root.File("file", nil)
	b.Root.File("other", []byte("other"))
	b.Finish()
	file.Sparse(blocks)
	i := mounted.NewIntakeInto(t, built(t, b), mounted.Quickly...)
	at := func(block int64) int64 { return clfs.FirstSegmentBytes + block*clfs.SegmentBytes + 12_345 }
	written := map[int64]string{}
	for _, round := range [][]int64{{5, 1022}, {1023, 3000}, {5117, 5118, 5119}, {6400, 3000}} {
		f, err := os.OpenFile(i.Path("file"), os.O_RDWR, 0)
		harness.Must(t, err)
		for _, block := range round {
			written[at(block)] = fmt.Sprint("in block ", block)
			_, err := f.WriteAt([]byte(written[at(block)]), at(block))
			harness.Must(t, err)
		}
		harness.Must(t, f.Close())
		i.Unmounted()
		harness.Clfsload(t, "verify", "--quick", i.Target).MustExit(harness.ExitOK)
		i.AdoptAnew(mounted.Quickly...)
		mustHaveAt(t, i.Path("file"), written)
	}
	harness.Must(t, os.Truncate(i.Path("file"), at(3000)+5))
	i.Unmounted()
	harness.Clfsload(t, "verify", "--quick", i.Target).MustExit(harness.ExitOK)
	i.AdoptAnew(mounted.Quickly...)
	harness.Must(t, os.Remove(i.Path("file")))
	i.Unmounted()
	trees.ReadContainer(t, i.Blobs())
}

// mustHaveAt wants texts at offsets of a file, and zeros before and after each.
func mustHaveAt(t *testing.T, path string, texts map[int64]string) {
	t.Helper()
	f, err := os.Open(path)
	harness.Must(t, err)
	defer f.Close()
	for at, text := range texts {
		got := make([]byte, len(text)+200)
		_, err := f.ReadAt(got, at-100)
		harness.Must(t, err)
		if want := strings.Repeat("\x00", 100) + text + strings.Repeat("\x00", 100); string(got) != want {
			t.Errorf("%s has %q at %d, not %q", filepath.Base(path), got, at-100, want)
		}
	}
}
