package export_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/clfs"
	"clfsload/clfs/clfstest"
	"clfsload/sync/blob"
	"clfsload/sync/tree"
	"clfsload/sync/tree/export"
	"clfsload/sync/tree/treetest"
	"clfsload/sync/tree/verify"
	"clfsload/tests/needs"
)

// outcome is what a run of an export left.
type outcome struct {
	dest     string
	counts   export.Counts
	failures []export.Failure
	err      error
}

// exportTo exports a whole container.
func exportTo(t *testing.T, c blob.Container, dest string, o export.Options) outcome {
	t.Helper()
	return exportWith(t, c, dest, tree.Options{}, o)
}

func exportWith(t *testing.T, c blob.Container, dest string, reading tree.Options, o export.Options) outcome {
	t.Helper()
	reading.TempDir = t.TempDir()
	tr := tree.New(c, reading)
	defer tr.Close()
	out := outcome{dest: dest}
	failures := make(chan export.Failure, 1000)
	o.Failed = func(f export.Failure) { failures <- f }
	o.Owners = true
	root, err := tr.Root(t.Context())
	if err != nil && !o.LostFound {
		t.Fatal(err)
	}
	x, err := export.New(tr, root, dest, o)
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	out.err = x.Run(t.Context(), "/")
	out.counts = x.Counts()
	close(failures)
	for f := range failures {
		out.failures = append(out.failures, f)
	}
	return out
}

// mustWork ends the test if anything failed.
func (o outcome) mustWork(t *testing.T) outcome {
	t.Helper()
	if o.err != nil || len(o.failures) > 0 {
		t.Fatalf("%v, failures %v", o.err, o.failures)
	}
	return o
}

// mustFail wants exactly one failure that mentions text.
func (o outcome) mustFail(t *testing.T, path, text string) {
	t.Helper()
	if o.err != nil || len(o.failures) != 1 || o.failures[0].Path != path || !strings.Contains(o.failures[0].Reason, text) {
		t.Errorf("error %v, failures %v; want one at %s about %q", o.err, o.failures, path, text)
	}
}

func (o outcome) mustHave(t *testing.T, name, content string) {
	t.Helper()
	got, err := os.ReadFile(filepath.Join(o.dest, name))
	if err != nil || string(got) != content {
		t.Errorf("%s: %d bytes, %v; want %d bytes", name, len(got), err, len(content))
	}
}

func TestGoldenContainersComeOutAsTheSourceTree(t *testing.T) {
	source := goldenSource(t)
	for _, name := range []string{treetest.GoldenLZ4, treetest.GoldenRaw} {
		t.Run(name, func(t *testing.T) {
			c := treetest.Golden(t, name)
			dest := filepath.Join(t.TempDir(), "out")
			exportTo(t, c, dest, export.Options{}).mustWork(t)
			// verify compares the container with both: what came out, to the
			// nanosecond, and what went in, to CLFSLoad's precision.
			compare(t, c, dest, 0)
			compare(t, c, source, 1)
			if again := exportTo(t, c, dest, export.Options{}).mustWork(t); again.counts.Files+again.counts.Others > 0 {
				t.Errorf("the second run wrote %+v", again.counts)
			}
		})
	}
}

// goldenSource unpacks the source tree and makes the socket.
func goldenSource(t *testing.T) string {
	t.Helper()
	needs.Root(t)
	dir := t.TempDir()
	untar := exec.Command("tar", "--numeric-owner", "-C", dir, "-xpf", clfstest.GoldenPath(t, "source-tree.tar.gz"))
	if out, err := untar.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return filepath.Join(dir, "tree")
}

// compare wants a directory to be what the container holds, but for the socket,
// with which differences many.
func compare(t *testing.T, c blob.Container, dir string, differences int) {
	t.Helper()
	tr := tree.New(c, tree.Options{TempDir: t.TempDir()})
	defer tr.Close()
	var found []string
	remarks := 0
	_, err := verify.Run(t.Context(), tr, verify.Options{Source: dir, Found: func(f verify.Finding) {
		switch f.Kind {
		case verify.KindSource:
			found = append(found, f.String())
		case verify.KindSourceTime:
			remarks++
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != differences || differences == 0 && remarks > 0 {
		t.Errorf("%d differences and %d in time between container and %s, want %d: %v", len(found), remarks, dir, differences, found)
	}
}

func TestHardLinksAreOneFileAgain(t *testing.T) {
	b := treetest.New(t)
	a := b.Root.Dir("a")
	f := a.File("first", []byte("content"))
	b.Root.Link("second", f)
	a.Dir("deep").Link("third", f)
	b.Finish()
	out := exportTo(t, b.Container, t.TempDir(), export.Options{}).mustWork(t)
	var inodes []uint64
	for _, name := range []string{"a/first", "second", "a/deep/third"} {
		var st unix.Stat_t
		if err := unix.Lstat(filepath.Join(out.dest, name), &st); err != nil {
			t.Fatal(err)
		}
		inodes = append(inodes, st.Ino)
	}
	if slices.Min(inodes) != slices.Max(inodes) {
		t.Errorf("inodes %v", inodes)
	}
	compare(t, b.Container, out.dest, 0)
}

// Which name of a linked file is made first is up to chance, and another one may be
// there from a run that was stopped.
func TestHardLinksOfAStoppedRunAreTakenOver(t *testing.T) {
	b := treetest.New(t)
	f := b.Root.File("a", []byte("content"))
	for _, name := range []string{"b", "c", "d"} {
		b.Root.Link(name, f)
	}
	b.Finish()
	for _, left := range []string{"a", "b", "c", "d"} {
		dest := t.TempDir()
		exportTo(t, b.Container, dest, export.Options{}).mustWork(t)
		for _, name := range []string{"a", "b", "c", "d"} {
			if name != left {
				if err := os.Remove(filepath.Join(dest, name)); err != nil {
					t.Fatal(err)
				}
			}
		}
		exportTo(t, b.Container, dest, export.Options{}).mustWork(t)
		var st unix.Stat_t
		if err := unix.Stat(filepath.Join(dest, "a"), &st); err != nil || st.Nlink != 4 {
			t.Errorf("after %s was left: %d links, %v", left, st.Nlink, err)
		}
	}
}

func TestZerosBecomeHoles(t *testing.T) {
	content := make([]byte, 40<<20)
	content[20<<20] = 'x'
	b := treetest.New(t)
	b.Root.File("sparse", content)
	b.Finish()
	out := exportTo(t, b.Container, t.TempDir(), export.Options{}).mustWork(t)
	out.mustHave(t, "sparse", string(content))
	var st unix.Stat_t
	if err := unix.Stat(filepath.Join(out.dest, "sparse"), &st); err != nil || st.Blocks*512 > 1<<20 {
		t.Errorf("the file takes %d bytes, %v", st.Blocks*512, err)
	}
}

func TestNamesThatLeadOutsideAreRefused(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "outside")
	for _, name := range []string{"../escaped", outside, "a/../../escaped", "with\x00nul", "sub/x"} {
		b := treetest.New(t)
		b.Root.Dir("sub")
		b.Root.File(name, []byte("evil"))
		b.Root.File("good", []byte("good"))
		b.Finish()
		dest := filepath.Join(t.TempDir(), "in", "dest")
		out := exportTo(t, b.Container, dest, export.Options{KeepGoing: true})
		out.mustFail(t, "/"+name, "cannot be a file's name")
		out.mustHave(t, "good", "good")
		for _, p := range []string{outside, filepath.Join(dest, "../escaped"), filepath.Join(dest, "sub/x")} {
			if _, err := os.Lstat(p); err == nil {
				t.Errorf("name %q made %s", name, p)
			}
		}
	}
}

func TestSymbolicLinksInTheDestinationAreNotFollowed(t *testing.T) {
	outside := t.TempDir()
	b := treetest.New(t)
	b.Root.Dir("dir").File("file", []byte("x"))
	b.Root.File("plain", []byte("y"))
	b.Finish()
	dest := t.TempDir()
	for link, target := range map[string]string{"dir": outside, "plain": filepath.Join(outside, "victim")} {
		if err := os.Symlink(target, filepath.Join(dest, link)); err != nil {
			t.Fatal(err)
		}
	}
	out := exportTo(t, b.Container, dest, export.Options{KeepGoing: true})
	if out.counts.Failures != 2 {
		t.Errorf("failures %v", out.failures)
	}
	exportTo(t, b.Container, dest, export.Options{Overwrite: true}).mustWork(t).mustHave(t, "dir/file", "x")
	if left, _ := os.ReadDir(outside); len(left) > 0 {
		t.Errorf("written outside: %v", left)
	}
}

// A container can have a symbolic link and, under the same name, a directory
// whose files would land where the link points.
func TestALinkAndADirectoryOfOneNameStayInside(t *testing.T) {
	outside := t.TempDir()
	b := treetest.New(t)
	b.Root.Symlink("twin", outside)
	b.Root.Dir("twin").File("file", []byte("x"))
	b.Finish()
	for range 20 {
		exportTo(t, b.Container, t.TempDir(), export.Options{KeepGoing: true})
		exportTo(t, b.Container, t.TempDir(), export.Options{KeepGoing: true, Overwrite: true})
	}
	if left, _ := os.ReadDir(outside); len(left) > 0 {
		t.Errorf("written outside: %v", left)
	}
}

func TestWhatIsThereIsReplacedOnlyWhenAsked(t *testing.T) {
	b := treetest.New(t)
	b.Root.File("file", []byte("from the container"))
	b.Finish()
	dest := t.TempDir()
	mine := filepath.Join(dest, "file")
	if err := os.WriteFile(mine, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	out := exportTo(t, b.Container, dest, export.Options{KeepGoing: true})
	out.mustFail(t, "/file", "not replaced")
	out.mustHave(t, "file", "mine")
	exportTo(t, b.Container, dest, export.Options{Overwrite: true}).mustWork(t).mustHave(t, "file", "from the container")
}

func TestALostSegmentLeavesANamedRemainder(t *testing.T) {
	b := treetest.New(t)
	content := bytes.Repeat([]byte("abcdefgh"), 3<<20)
	f := b.Root.File("big", content)
	b.Root.File("good", []byte("good"))
	b.Finish()
	b.Delete(f.SegmentBlob(1))
	if out := exportTo(t, b.Container, t.TempDir(), export.Options{}); out.err == nil || !strings.Contains(out.err.Error(), f.Segments[1].String()) {
		t.Errorf("without keep-going: %v", out.err)
	}
	out := exportTo(t, b.Container, t.TempDir(), export.Options{KeepGoing: true})
	out.mustFail(t, "/big", f.Segments[1].String())
	from := clfs.FirstSegmentBytes + clfs.SegmentBytes
	want := append(bytes.Clone(content[:from]), make([]byte, clfs.SegmentBytes)...)
	out.mustHave(t, "big"+export.DamagedSuffix, string(append(want, content[from+clfs.SegmentBytes:]...)))
	out.mustHave(t, "good", "good")
	if _, err := os.Lstat(filepath.Join(out.dest, "big")); err == nil {
		t.Error("the damaged file has the name of a whole one")
	}
}

func TestLostInodesComeOutUnderTheirOldNames(t *testing.T) {
	b := treetest.New(t)
	top := b.Root.Dir("top")
	top.Dir("sub").File("deep", []byte("deep"))
	top.File("file", []byte("file"))
	f := b.Root.File("linked", []byte("linked"))
	top.Link("again", f)
	b.Finish()
	b.Delete(b.Root.Blob())
	out := exportTo(t, b.Container, t.TempDir(), export.Options{KeepGoing: true, LostFound: true}).mustWork(t)
	below := export.LostFoundName + "/" + clfs.RootID.String()
	out.mustHave(t, below+"/top/sub/deep", "deep")
	out.mustHave(t, below+"/top/file", "file")
	out.mustHave(t, below+"/top/again", "linked")
}

func TestALostDirectoryComesOutPieceByPiece(t *testing.T) {
	b := treetest.New(t)
	top := b.Root.Dir("top")
	top.Dir("sub").File("deep", []byte("deep"))
	top.File("file", []byte("file"))
	b.Root.File("good", []byte("good"))
	b.Finish()
	b.Delete(top.Blob())
	out := exportTo(t, b.Container, t.TempDir(), export.Options{KeepGoing: true, LostFound: true})
	out.mustFail(t, "/top", top.ID.String())
	below := export.LostFoundName + "/" + top.ID.String()
	out.mustHave(t, "good", "good")
	out.mustHave(t, below+"/sub/deep", "deep")
	out.mustHave(t, below+"/file", "file")
}

// No path that is as long as this can be handed to the kernel.
func TestATreeDeeperThanAPathCanBeIsExported(t *testing.T) {
	b := treetest.New(t)
	d := b.Root
	for range 600 {
		d = d.Dir("directory")
	}
	d.File("deepest", []byte("x"))
	b.Finish()
	dest := t.TempDir()
	exportTo(t, b.Container, dest, export.Options{}).mustWork(t)
	if again := exportTo(t, b.Container, dest, export.Options{}).mustWork(t); again.counts.Skipped != 1 {
		t.Errorf("the second run: %+v", again.counts)
	}
}
