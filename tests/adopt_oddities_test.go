package tests

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
	"clfsload/tests/inventory"
)

// names lists a directory of a mount.
func namesIn(t *testing.T, path string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(path)
	must(t, err)
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
	"exchange":    func(root string) error { return rename(root+"/beside", root+"/odd/plain", unix.RENAME_EXCHANGE) },
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
			i := newIntakeInto(t, built(t, b.Finish()), quickly...)
			_ = namesIn(t, i.path("")) // whoever lists "another's directory" here first has it
			_ = namesIn(t, i.path("odd"))
			if text := readText(t, i.path("odd/plain")); text != "plain" && text != "other" {
				t.Errorf("the file holds %q", text)
			}
			before := contentsOf(t, i.container())
			for what, change := range refusedChanges {
				if err := change(i.point); !errors.Is(err, unix.EUCLEAN) {
					t.Errorf("%s: %v, not %v", what, err, unix.EUCLEAN)
				}
			}
			i.awaitLog("/odd")
			writeFile(t, i.path("odd/plain"), "written")
			writeFile(t, i.path("odd/below/new"), "new")
			i.unmounted()
			c := changesOf(before, contentsOf(t, i.container()))
			mustChange(t, c, types{clfs.TypeRegular: 2, clfs.TypeDirectory: 1}, types{clfs.TypeRegular: 1, clfs.TypeDirectory: 1})
			i.again()
			if text := readText(t, i.path("odd/plain")); text != "written" {
				t.Errorf("the file holds %q", text)
			}
			i.unmounted()
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
	i := newIntakeInto(t, built(t, b.Finish()), quickly...)
	if _, err := os.ReadDir(i.path("odd")); !errors.Is(err, unix.EIO) {
		t.Errorf("list it: %v", err)
	}
	if text := readText(t, i.path("odd/plain")); text != "plain" {
		t.Errorf("the file holds %q", text)
	}
	before := contentsOf(t, i.container())
	for what, change := range refusedChanges {
		if err := change(i.point); !errors.Is(err, unix.EIO) {
			t.Errorf("%s: %v, not %v", what, err, unix.EIO)
		}
	}
	i.unmounted()
	mustChange(t, changesOf(before, contentsOf(t, i.container())), types{}, types{})
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
	i := newIntakeInto(t, built(t, b.Finish()), quickly...)
	for range 2 {
		numbers := map[uint64]string{}
		for _, name := range namesIn(t, i.path("")) {
			path := i.path(name)
			var st unix.Stat_t
			must(t, unix.Lstat(path, &st))
			if other, taken := numbers[st.Ino]; taken {
				t.Errorf("%s and %s have number %d", name, other, st.Ino)
			}
			numbers[st.Ino] = name
			if st.Mode&unix.S_IFMT == unix.S_IFREG {
				writeFile(t, path, "changed "+name)
			}
		}
		writeFile(t, i.path("directory/new"), "new")
		must(t, os.Chmod(i.path("directory"), 0o700))
		tree := listTree(t, i.point)
		i.unmounted()
		mustHaveOddIdsAlone(t, i.target)
		i.adoptAnew(quickly...)
		reportLines(t, "the tree differs", inventory.Compare(tree, listTree(t, i.point), asMounted))
	}
	must(t, os.RemoveAll(i.path("directory")))
	must(t, os.Remove(i.path("file-0")))
	i.unmounted()
	mustHaveOddIdsAlone(t, i.target)
}

// mustHaveOddIdsAlone wants verify to find nothing wrong but two ids that are no handles of the
// container.
func mustHaveOddIdsAlone(t *testing.T, target string) {
	t.Helper()
	r := clfsload(t, "verify", target).mustExit(exitDamaged)
	if n := strings.Count(r.stdout, "damage: "); n != strings.Count(r.stdout, "damage: handle:") || n > 2 {
		t.Errorf("verify says\n%s", r.stdout)
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
	i := newIntakeInto(t, built(t, b), quickly...)
	must(t, os.Chmod(i.path("linked"), 0o600))
	writeFile(t, i.path("versions"), "new")
	writeFile(t, i.path("versioned/new"), "new")
	must(t, os.Remove(i.path("removed")))
	i.publish()
	i.mustBePublished()
	i.unmounted()
	clfsload(t, "verify", i.target).mustExit(exitOK)
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
	i := newIntakeInto(t, built(t, b), quickly...)
	if _, err := os.Stat(i.path("directory/gone")); !errors.Is(err, unix.EIO) {
		t.Errorf("what is gone: %v", err)
	}
	if _, err := os.ReadDir(i.path("directory/gone-too")); !errors.Is(err, unix.EIO) {
		t.Errorf("a directory that is gone: %v", err)
	}
	writeFile(t, i.path("directory/new"), "new")
	must(t, os.Remove(i.path("directory/plain")))
	i.unmounted()
	i.adoptAnew(quickly...)
	if names := namesIn(t, i.path("directory")); fmt.Sprint(names) != "[gone gone-too new]" {
		t.Errorf("the directory has %q", names)
	}
	i.unmounted()
}

// A file that is not cut into blocks as ours are can be read, and not written.
func TestAFileWithOtherSegmentsIsReadAndNotWritten(t *testing.T) {
	b := treetest.New(t)
	file := b.Root.File("file", []byte("text"))
	b.Finish()
	file.Inode.SegmentSize = 4 << 20
	file.Put()
	i := newIntakeInto(t, built(t, b), quickly...)
	if text := readText(t, i.path("file")); text != "text" {
		t.Errorf("it holds %q", text)
	}
	if err := os.WriteFile(i.path("file"), []byte("x"), 0o644); !errors.Is(err, unix.EUCLEAN) {
		t.Errorf("write: %v", err)
	}
	if err := os.Truncate(i.path("file"), 1); !errors.Is(err, unix.EUCLEAN) {
		t.Errorf("truncate: %v", err)
	}
	must(t, os.Rename(i.path("file"), i.path("renamed")))
	must(t, os.Chmod(i.path("renamed"), 0o600))
	i.unmounted()
	i.again()
	if text := readText(t, i.path("renamed")); text != "text" {
		t.Errorf("it holds %q", text)
	}
	must(t, os.Remove(i.path("renamed")))
	i.unmounted()
	readContainer(t, i.blobs())
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
	i := newIntakeInto(t, built(t, b), quickly...)
	at := func(block int64) int64 { return clfs.FirstSegmentBytes + block*clfs.SegmentBytes + 12_345 }
	written := map[int64]string{}
	for _, round := range [][]int64{{5, 1022}, {1023, 3000}, {5117, 5118, 5119}, {6400, 3000}} {
		f, err := os.OpenFile(i.path("file"), os.O_RDWR, 0)
		must(t, err)
		for _, block := range round {
			written[at(block)] = fmt.Sprint("in block ", block)
			_, err := f.WriteAt([]byte(written[at(block)]), at(block))
			must(t, err)
		}
		must(t, f.Close())
		i.unmounted()
		clfsload(t, "verify", "--quick", i.target).mustExit(exitOK)
		i.adoptAnew(quickly...)
		mustHaveAt(t, i.path("file"), written)
	}
	must(t, os.Truncate(i.path("file"), at(3000)+5))
	i.unmounted()
	clfsload(t, "verify", "--quick", i.target).mustExit(exitOK)
	i.adoptAnew(quickly...)
	must(t, os.Remove(i.path("file")))
	i.unmounted()
	readContainer(t, i.blobs())
}

// mustHaveAt wants texts at offsets of a file, and zeros before and after each.
func mustHaveAt(t *testing.T, path string, texts map[int64]string) {
	t.Helper()
	f, err := os.Open(path)
	must(t, err)
	defer f.Close()
	for at, text := range texts {
		got := make([]byte, len(text)+200)
		_, err := f.ReadAt(got, at-100)
		must(t, err)
		if want := strings.Repeat("\x00", 100) + text + strings.Repeat("\x00", 100); string(got) != want {
			t.Errorf("%s has %q at %d, not %q", filepath.Base(path), got, at-100, want)
		}
	}
}
