package write

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/tests/harness"
	"clfsload/tests/inventory"
	"clfsload/tests/mounted"
	"clfsload/tests/trees"
)

// becomesContainer publishes what was copied from source, and compares the container
// with the mount and with the source.
func becomesContainer(i *mounted.Intake, source string) {
	i.T.Helper()
	i.Flush()
	i.Publish()
	contents := i.MustBePublished()
	trees.ReportLines(i.T, "the container differs from the source", inventory.Compare(trees.List(i.T, source), contents.Tree, trees.AsCopied))
	harness.Clfsload(i.T, "verify", "--source", source, i.Target).MustExit(harness.ExitOK).MustSay("sound")
}

func TestRsyncCopiesTheGoldenTreeIn(t *testing.T) {
	i := mounted.NewIntake(t)
	i.RsyncInto(trees.Golden(t))
	trees.SameLinkCounts(t, trees.Golden(t), i.Point)
	becomesContainer(i, trees.Golden(t))
	i.Remount()
	i.NothingToDo(trees.Golden(t))
}

func TestRsyncCopiesASourceTreeIn(t *testing.T) {
	source := filepath.Join(trees.GoRoot(t), "src", "net")
	i := mounted.NewIntake(t)
	i.RsyncInto(source)
	becomesContainer(i, source)
}

// bigDirectory is all but 360 entries of the golden tree.
const bigDirectory = "dir-two-other-segments"

// mustBeCopied compares a copy of the golden tree without its big directory, and what
// copies leave out.
func mustBeCopied(t *testing.T, copied string, without ...string) {
	t.Helper()
	want := trees.List(t, trees.Golden(t))
	got := trees.List(t, copied)
	for path := range want {
		// "." has another mtime, since it was made in another way.
		if path == "." || strings.HasPrefix(path, bigDirectory) || slices.Contains(without, path) {
			delete(want, path)
		}
	}
	delete(got, ".")
	delete(got, bigDirectory)
	trees.ReportLines(t, "the copy differs", inventory.Compare(want, got, trees.AsCopied))
	trees.SameLinkCounts(t, trees.Golden(t), copied)
}

func TestCpCopiesATreeIn(t *testing.T) {
	i := mounted.NewIntake(t)
	copied := i.Directory("tree")
	i.Directory("tree/" + bigDirectory)
	entries, err := os.ReadDir(trees.Golden(t))
	harness.Must(t, err)
	arguments := []string{"-a"}
	for _, e := range entries {
		if e.Name() != bigDirectory {
			arguments = append(arguments, filepath.Join(trees.Golden(t), e.Name()))
		}
	}
	harness.RunTool(t, "cp", append(arguments, copied)...)
	mustBeCopied(t, copied)
}

func TestTarUnpacksATree(t *testing.T) {
	i := mounted.NewIntake(t)
	archive := harness.InModule("testdata/golden/source-tree.tar.gz")
	harness.RunTool(t, "tar", "--numeric-owner", "--exclude", "tree/"+bigDirectory+"/*", "-C", i.Point, "-xpf", archive)
	mustBeCopied(t, i.Path("tree"), "special/sock") // no archive can hold it
}

// A working day: a clone, a build, a commit, and all of it is there after a remount.
func TestAClonedRepositoryIsWholeAndBuilds(t *testing.T) {
	i := mounted.NewIntake(t)
	clone := i.Path("clone")
	harness.RunTool(t, "git", "-c", "safe.directory=*", "clone", "-q", "--no-hardlinks", harness.Root(), clone)
	git := func(arguments ...string) string {
		t.Helper()
		return harness.RunToolIn(t, clone, nil, "git", append([]string{"-c", "user.name=x", "-c", "user.email=x@localhost", "-c", "maintenance.auto=false"}, arguments...)...)
	}
	git("fsck", "--strict")
	harness.RunToolIn(t, clone, []string{"GOFLAGS=-mod=mod"}, "go", "build", "-o", "built/", "./tests/blobserver/cmd")
	if err := unix.Access(filepath.Join(clone, "built/cmd"), unix.X_OK); err != nil {
		t.Errorf("the program that was built: %v", err)
	}
	harness.WriteFile(t, filepath.Join(clone, "new file"), "text")
	git("add", "new file")
	git("commit", "-q", "-m", "a commit")
	git("gc", "-q")
	i.Remount()
	git("fsck", "--strict")
	if out := git("status", "--porcelain"); strings.TrimSpace(out) != "?? built/" {
		t.Errorf("git status says %s", out)
	}
}

func TestFilesOfAllTypesAndTimesAreKept(t *testing.T) {
	i := mounted.NewIntake(t)
	for name, mode := range map[string]uint32{"fifo": unix.S_IFIFO, "char": unix.S_IFCHR, "block": unix.S_IFBLK, "socket": unix.S_IFSOCK, "file": unix.S_IFREG} {
		harness.Must(t, unix.Mknod(i.Path(name), mode|0o640, int(unix.Mkdev(7, 300))))
		harness.Must(t, os.Lchown(i.Path(name), 4_000_000_000, 70_000))
		times := []unix.Timespec{{Sec: 1, Nsec: 999_999_999}, {Sec: 4_294_967_295, Nsec: 1}}
		harness.Must(t, unix.UtimesNanoAt(unix.AT_FDCWD, i.Path(name), times, unix.AT_SYMLINK_NOFOLLOW))
	}
	before := trees.List(t, i.Point)
	for name, e := range before {
		if name != "." && (e.UID != 4_000_000_000 || e.GID != 70_000) {
			t.Errorf("%s belongs to %d:%d", name, e.UID, e.GID)
		}
	}
	i.Remount()
	trees.ReportLines(t, "after a remount", inventory.Compare(before, trees.List(t, i.Point), trees.AsMounted))
	i.Flush()
	i.Publish()
	i.MustBePublished()
}

func TestNumbersOfInodesSurviveARemount(t *testing.T) {
	i := mounted.NewIntake(t)
	trees.ATree(t, i.Point)
	before := trees.NumbersOf(t, i.Point)
	if before[i.Point] != 1 {
		t.Errorf("the root has number %d", before[i.Point])
	}
	i.Remount()
	if after := trees.NumbersOf(t, i.Point); fmt.Sprint(before) != fmt.Sprint(after) {
		t.Errorf("before: %v\nafter: %v", before, after)
	}
	plain := t.TempDir()
	trees.ATree(t, plain)
	trees.SameLinkCounts(t, plain, i.Point)
}
