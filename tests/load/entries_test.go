package load

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/clfs"
	"clfsload/tests/harness"
	"clfsload/tests/inventory"
	"clfsload/tests/trees"
)

func TestNamesOfEveryByteComeThrough(t *testing.T) {
	source := t.TempDir()
	for b := 1; b < 256; b++ {
		if b == '/' {
			continue
		}
		harness.WriteFile(t, filepath.Join(source, "byte "+string([]byte{byte(b)})), "x")
		if b != '.' {
			harness.WriteFile(t, filepath.Join(source, string([]byte{byte(b)})), "y")
		}
	}
	harness.WriteFile(t, filepath.Join(source, strings.Repeat("\xff", 255)), "as long as a name can be")
	harness.WriteFile(t, filepath.Join(source, "..."), "no dot entry")
	loads(t, source, inventory.Full)
}

func TestModesAndOwnersComeThrough(t *testing.T) {
	harness.RequireRoot(t)
	source := t.TempDir()
	modes := []uint32{0, 0o111, 0o222, 0o444, 0o644, 0o755, 0o777, 0o1777, 0o2755, 0o4755, 0o6711, 0o7777}
	owners := []int{0, 1, 1000, 65534, 65536, 1<<31 - 1, 1 << 31, 1<<32 - 2}
	for i, mode := range modes {
		for j, owner := range owners {
			path := filepath.Join(source, fmt.Sprintf("%04o-%d", mode, owner))
			if (i+j)%2 == 0 {
				harness.WriteFile(t, path, path)
			} else if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.Lchown(path, owner, owners[len(owners)-1-j]); err != nil {
				t.Fatal(err)
			}
			if err := unix.Chmod(path, mode); err != nil {
				t.Fatal(err)
			}
		}
	}
	loads(t, source, inventory.Full)
}

func TestTimesComeThroughToTheNanosecond(t *testing.T) {
	source := t.TempDir()
	for name, ts := range map[string]unix.Timespec{
		"epoch": {}, "one": {Nsec: 1}, "now": {Sec: 1700000000, Nsec: 123456789},
		"last": {Sec: 1<<32 - 1, Nsec: 999999999}, "past 2038": {Sec: 1 << 31, Nsec: 999999999},
	} {
		path := filepath.Join(source, name)
		harness.WriteFile(t, path, name)
		harness.SetTimes(t, path, unix.Timespec{Sec: 1000000000, Nsec: 7}, ts)
	}
	_, res := loads(t, source, inventory.Full)
	if strings.Contains(res.Stderr, "1970") {
		t.Errorf("warns of times that fit:\n%s", res.Stderr)
	}
}

func TestTimesOutsideTheFormatAreClampedWithAWarning(t *testing.T) {
	source := t.TempDir()
	for name, ts := range map[string]unix.Timespec{
		"before 1970": {Sec: -5, Nsec: 500}, "1901": {Sec: -1 << 31}, "past 2106": {Sec: 1 << 32, Nsec: 5},
	} {
		path := filepath.Join(source, name)
		harness.WriteFile(t, path, name)
		harness.SetTimes(t, path, ts, ts)
	}
	contents, res := loads(t, source, inventory.Full)
	if got := contents.Tree["before 1970"].Mtime; got != (clfs.Time{}) {
		t.Errorf("a time before 1970 became %v", got)
	}
	if got := contents.Tree["past 2106"].Mtime; got != (clfs.Time{Sec: 1<<32 - 1, Nsec: 999999999}) {
		t.Errorf("a time past 2106 became %v", got)
	}
	res.MustSay("before 1970", "1901", "past 2106")
}

func TestContentsOfEverySizeAtTheEdgesOfSegmentsComeThrough(t *testing.T) {
	source := t.TempDir()
	const first, segment = clfs.FirstSegmentBytes, clfs.SegmentBytes
	for _, size := range []int64{0, 1, first - 1, first, first + 1, first + segment - 1, first + segment, first + segment + 1, first + 2*segment} {
		path := filepath.Join(source, fmt.Sprint(size))
		harness.WriteFile(t, path, strings.Repeat(fmt.Sprintf("%d bytes. ", size), int(min(size, 5000))))
		if err := os.Truncate(path, size); err != nil {
			t.Fatal(err)
		}
	}
	loads(t, source, inventory.Full)
}

func TestADirectoryOfFiftyThousandEntriesComesThrough(t *testing.T) {
	source := t.TempDir()
	directory := filepath.Join(source, "many")
	if err := os.Mkdir(directory, 0o755); err != nil {
		t.Fatal(err)
	}
	for i := range 50000 {
		path := filepath.Join(directory, fmt.Sprintf("entry-%05d", i))
		if i%1000 != 0 { // links are as many entries as files and far fewer blobs
			if err := os.Link(filepath.Join(directory, fmt.Sprintf("entry-%05d", i-i%1000)), path); err != nil {
				t.Fatal(err)
			}
			continue
		}
		harness.WriteFile(t, path, path)
	}
	contents, _ := loads(t, source, inventory.Full, "--preserve-hardlinks")
	if names := len(contents.Tree); names != 50002 {
		t.Errorf("%d names", names)
	}
}

// The format holds 1023 links of one object; further ones begin another.
func TestLinksPastTheLimitBeginAFurtherObject(t *testing.T) {
	source := t.TempDir()
	first := filepath.Join(source, "link-0000")
	harness.WriteFile(t, first, "many names")
	for i := 1; i < 1100; i++ {
		if err := os.Link(first, filepath.Join(source, fmt.Sprintf("link-%04d", i))); err != nil {
			t.Fatal(err)
		}
	}
	before := trees.List(t, source)
	tr := harness.NewTransfer(t, source)
	harness.Clfsload(t, tr.Begin("--preserve-hardlinks")...).MustExit(harness.ExitOK).MustSay("1023")
	contents := trees.ReadContainer(t, trees.DirectoryBlobs(t, tr.Blobs))
	if contents.Objects != 3 {
		t.Errorf("%d objects, not the root and two files", contents.Objects)
	}
	for path, entry := range contents.Tree {
		if path != "." {
			entry.Group = "link-0000"
			contents.Tree[path] = entry
		}
	}
	trees.ReportLines(t, "the container differs from its source", inventory.Compare(before, contents.Tree, inventory.Full))
}

func TestHardLinksAcrossDirectoriesAndOfEveryTypeStayTogether(t *testing.T) {
	harness.RequireRoot(t)
	source := t.TempDir()
	for _, directory := range []string{"a", "b", "b/c"} {
		if err := os.Mkdir(filepath.Join(source, directory), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	harness.WriteFile(t, filepath.Join(source, "file"), strings.Repeat("a file of two segments ", 1000))
	if err := os.Symlink("target", filepath.Join(source, "symlink")); err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]uint32{"fifo": unix.S_IFIFO, "char": unix.S_IFCHR, "block": unix.S_IFBLK, "socket": unix.S_IFSOCK} {
		if err := unix.Mknod(filepath.Join(source, name), mode|0o640, int(unix.Mkdev(7, 300))); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"file", "symlink", "fifo", "char", "block", "socket"} {
		for _, other := range []string{"a", "b", "b/c", "b/c/again-"} {
			path := filepath.Join(source, other, name)
			if strings.HasSuffix(other, "-") {
				path = filepath.Join(source, other+name)
			}
			if err := unix.Linkat(unix.AT_FDCWD, filepath.Join(source, name), unix.AT_FDCWD, path, 0); err != nil {
				t.Fatal(err)
			}
		}
	}
	contents, _ := loads(t, source, inventory.Full, "--preserve-hardlinks")
	if contents.Objects != 4+6 {
		t.Errorf("%d objects", contents.Objects)
	}
}

// An entry that cannot be transferred is named, all others are, and nothing is
// published until it was mended.
func TestAnUnreadableFileFailsAloneAndIsRetried(t *testing.T) {
	p := harness.NewPlaces(t)
	harness.OpenToAll(t, p.Directory)
	unreadable := filepath.Join(p.Source, "unreadable")
	harness.WriteFile(t, unreadable, "secret")
	if err := os.Chmod(unreadable, 0); err != nil {
		t.Fatal(err)
	}
	first := harness.Command(t, []string{"load", "--new", p.State, p.Source, "dir:" + p.Blobs})
	harness.AsNobody(first.Command)
	first.Start().Wait().MustExit(harness.ExitIncomplete).MustSay("unreadable: open: ", "permission denied", "without --new")
	trees.MustNotBePublished(t, p.Blobs)

	if err := os.Chmod(unreadable, 0o644); err != nil {
		t.Fatal(err)
	}
	before := trees.List(t, p.Source)
	again := harness.Command(t, []string{"load", p.State, p.Source, "dir:" + p.Blobs})
	harness.AsNobody(again.Command)
	again.Start().Wait().MustExit(harness.ExitOK)
	scope := inventory.Full
	scope.Atime = false // those of the first run, which was before the listing
	trees.MustHold(t, before, trees.DirectoryBlobs(t, p.Blobs), scope)
}

func TestALinkTargetThatIsTooLongFailsAlone(t *testing.T) {
	p := harness.NewPlaces(t)
	for name, length := range map[string]int{"longest": 1023, "too-long": 1024} {
		if err := os.Symlink(strings.Repeat("t", length), filepath.Join(p.Source, name)); err != nil {
			t.Fatal(err)
		}
	}
	res := harness.Clfsload(t, "load", "--new", p.State, p.Source, "dir:"+p.Blobs).MustExit(harness.ExitIncomplete).MustSay("too-long: ", "1023")
	if strings.Contains(res.Stdout+res.Stderr, `"longest"`) {
		t.Errorf("names an entry that is fine:\n%s", res.Stdout)
	}
	trees.MustNotBePublished(t, p.Blobs)
}
