package tests

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/tests/inventory"
)

// becomesContainer publishes what was copied from source, and compares the container
// with the mount and with the source.
func becomesContainer(i *intake, source string) {
	i.t.Helper()
	i.flush()
	i.publish()
	contents := i.mustBePublished()
	reportLines(i.t, "the container differs from the source", inventory.Compare(listTree(i.t, source), contents.Tree, asCopied))
	clfsload(i.t, "verify", "--source", source, i.target).mustExit(exitOK).mustSay("sound")
}

func TestRsyncCopiesTheGoldenTreeIn(t *testing.T) {
	i := newIntake(t)
	i.rsyncInto(goldenTree(t))
	sameLinkCounts(t, goldenTree(t), i.point)
	becomesContainer(i, goldenTree(t))
	i.remount()
	i.nothingToDo(goldenTree(t))
}

func TestRsyncCopiesASourceTreeIn(t *testing.T) {
	source := filepath.Join(goroot(t), "src", "net")
	i := newIntake(t)
	i.rsyncInto(source)
	becomesContainer(i, source)
}

// bigDirectory is all but 360 entries of the golden tree.
const bigDirectory = "dir-two-other-segments"

// mustBeCopied compares a copy of the golden tree without its big directory, and what
// copies leave out.
func mustBeCopied(t *testing.T, copied string, without ...string) {
	t.Helper()
	want := listTree(t, goldenTree(t))
	got := listTree(t, copied)
	for path := range want {
		// "." has another mtime, since it was made in another way.
		if path == "." || strings.HasPrefix(path, bigDirectory) || slices.Contains(without, path) {
			delete(want, path)
		}
	}
	delete(got, ".")
	delete(got, bigDirectory)
	reportLines(t, "the copy differs", inventory.Compare(want, got, asCopied))
	sameLinkCounts(t, goldenTree(t), copied)
}

func TestCpCopiesATreeIn(t *testing.T) {
	i := newIntake(t)
	copied := i.directory("tree")
	i.directory("tree/" + bigDirectory)
	entries, err := os.ReadDir(goldenTree(t))
	must(t, err)
	arguments := []string{"-a"}
	for _, e := range entries {
		if e.Name() != bigDirectory {
			arguments = append(arguments, filepath.Join(goldenTree(t), e.Name()))
		}
	}
	runTool(t, "cp", append(arguments, copied)...)
	mustBeCopied(t, copied)
}

func TestTarUnpacksATree(t *testing.T) {
	i := newIntake(t)
	archive := inModule("testdata/golden/source-tree.tar.gz")
	runTool(t, "tar", "--numeric-owner", "--exclude", "tree/"+bigDirectory+"/*", "-C", i.point, "-xpf", archive)
	mustBeCopied(t, i.path("tree"), "special/sock") // no archive can hold it
}

// A working day: a clone, a build, a commit, and all of it is there after a remount.
func TestAClonedRepositoryIsWholeAndBuilds(t *testing.T) {
	i := newIntake(t)
	clone := i.path("clone")
	runTool(t, "git", "-c", "safe.directory=*", "clone", "-q", "--no-hardlinks", moduleRoot(), clone)
	git := func(arguments ...string) string {
		t.Helper()
		return runToolIn(t, clone, nil, "git", append([]string{"-c", "user.name=x", "-c", "user.email=x@localhost", "-c", "maintenance.auto=false"}, arguments...)...)
	}
	git("fsck", "--strict")
	runToolIn(t, clone, []string{"GOFLAGS=-mod=mod"}, "go", "build", "-o", "built/", "./tests/blobserver/cmd")
	if err := unix.Access(filepath.Join(clone, "built/cmd"), unix.X_OK); err != nil {
		t.Errorf("the program that was built: %v", err)
	}
	writeFile(t, filepath.Join(clone, "new file"), "text")
	git("add", "new file")
	git("commit", "-q", "-m", "a commit")
	git("gc", "-q")
	i.remount()
	git("fsck", "--strict")
	if out := git("status", "--porcelain"); strings.TrimSpace(out) != "?? built/" {
		t.Errorf("git status says %s", out)
	}
}

func TestFilesOfAllTypesAndTimesAreKept(t *testing.T) {
	i := newIntake(t)
	for name, mode := range map[string]uint32{"fifo": unix.S_IFIFO, "char": unix.S_IFCHR, "block": unix.S_IFBLK, "socket": unix.S_IFSOCK, "file": unix.S_IFREG} {
		must(t, unix.Mknod(i.path(name), mode|0o640, int(unix.Mkdev(7, 300))))
		must(t, os.Lchown(i.path(name), 4_000_000_000, 70_000))
		times := []unix.Timespec{{Sec: 1, Nsec: 999_999_999}, {Sec: 4_294_967_295, Nsec: 1}}
		must(t, unix.UtimesNanoAt(unix.AT_FDCWD, i.path(name), times, unix.AT_SYMLINK_NOFOLLOW))
	}
	before := listTree(t, i.point)
	for name, e := range before {
		if name != "." && (e.UID != 4_000_000_000 || e.GID != 70_000) {
			t.Errorf("%s belongs to %d:%d", name, e.UID, e.GID)
		}
	}
	i.remount()
	reportLines(t, "after a remount", inventory.Compare(before, listTree(t, i.point), asMounted))
	i.flush()
	i.publish()
	i.mustBePublished()
}

func TestNumbersOfInodesSurviveARemount(t *testing.T) {
	i := newIntake(t)
	aTree(t, i.point)
	before := numbersOf(t, i.point)
	if before[i.point] != 1 {
		t.Errorf("the root has number %d", before[i.point])
	}
	i.remount()
	if after := numbersOf(t, i.point); fmt.Sprint(before) != fmt.Sprint(after) {
		t.Errorf("before: %v\nafter: %v", before, after)
	}
	plain := t.TempDir()
	aTree(t, plain)
	sameLinkCounts(t, plain, i.point)
}
