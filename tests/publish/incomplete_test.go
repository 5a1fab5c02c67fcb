package publish

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/tests/harness"
	"clfsload/tests/mounted"
	"clfsload/tests/trees"
)

// incompletes is what `clfsload incomplete` lists.
func incompletes(i *mounted.Intake, arguments ...string) (paths []string) {
	i.T.Helper()
	var said struct {
		Total int
		Files []struct{ Path string }
	}
	harness.Decode(i.T, harness.Clfsload(i.T, append([]string{"incomplete", "--json"}, arguments...)...).MustExit(harness.ExitOK).Stdout, &said)
	for _, f := range said.Files {
		paths = append(paths, f.Path)
	}
	if said.Total != len(paths) {
		i.T.Errorf("%d files, and a total of %d", len(paths), said.Total)
	}
	slices.Sort(paths)
	return paths
}

func mustBeIncomplete(i *mounted.Intake, arguments []string, want ...string) {
	i.T.Helper()
	if got := incompletes(i, arguments...); !slices.Equal(got, want) {
		i.T.Errorf("clfsload incomplete %s: %q, not %q", strings.Join(arguments, " "), got, want)
	}
}

// rsync takes another temporary name when it runs again: the one that was cut off stays
// for ever. Nobody misses it once the file itself is there.
func TestWhatRsyncLeftBehindIsNoFailureOnceTheFileIsWrittenAgain(t *testing.T) {
	i := mounted.NewIntake(t)
	for _, name := range []string{"old", "touched"} {
		harness.WriteFile(t, i.Path(name), "from before")
	}
	left := []string{".big.AbCdEf", ".profile.0zZ9aA", ".old.AbCdEf", ".touched.AbCdEf", ".gone.AbCdEf", ".short.AbCdE", ".dir.AbCdEf", "plain"}
	i.CutOff(0o600, left...)
	i.Again()
	harness.Clfsload(t, "publish", i.Point).MustExit(harness.ExitIncomplete).MustSay(left...)
	for _, name := range []string{"big", ".profile", "short"} {
		harness.WriteFile(t, i.Path(name), "all of it")
	}
	harness.Must(t, os.Chmod(i.Path("touched"), 0o600))
	i.Directory("dir")
	res := harness.Clfsload(t, "publish", i.Point).MustExit(harness.ExitIncomplete).MustSay("but for 6 entries", "but not failed",
		".big.AbCdEf: incomplete: left behind by rsync, which has written big since", "which has written .profile since")
	for _, name := range []string{".old.AbCdEf", ".touched.AbCdEf", ".gone.AbCdEf", ".short.AbCdE", ".dir.AbCdEf", "plain"} {
		if !strings.Contains(res.Stdout, name+": incomplete: its writer was cut off") {
			t.Errorf("%s is not named as a failure:\n%s", name, res.Stdout)
		}
		harness.Must(t, os.Remove(i.Path(name)))
	}
	i.Publish().MustSay("but not failed", ".big.AbCdEf")
	harness.Clfsload(t, "flush", i.Point).MustExit(harness.ExitOK)
	mustBeIncomplete(i, []string{i.Point}, ".big.AbCdEf", ".profile.0zZ9aA")
	if tree := trees.Readable(t, i.Blobs()); tree["big"].Size == 0 || tree[".big.AbCdEf"].Size != 0 {
		t.Errorf("published: %v", tree)
	}
	i.End(unix.SIGTERM).MustExit(harness.ExitOK).MustSay("everything is published but incomplete files")
	i.Again()
	mustBeIncomplete(i, []string{i.Point}, ".big.AbCdEf", ".profile.0zZ9aA")
	harness.Clfsload(t, "unmount", i.Point).MustExit(harness.ExitOK).MustSay("but not failed")
	i.Await().MustExit(harness.ExitOK)
}

// A temporary file of rsync has no rights for others until it is whole.
func TestAFileThatOnlyItsNameMakesOneOfRsyncIsAFailure(t *testing.T) {
	i := mounted.NewIntake(t)
	i.CutOff(0o644, ".config.backup")
	i.Again()
	harness.WriteFile(t, i.Path("config"), "x")
	harness.Clfsload(t, "publish", i.Point).MustExit(harness.ExitIncomplete).MustSay(".config.backup: incomplete: its writer")
}

func TestIncompleteFilesAreListedRemovedAndAccepted(t *testing.T) {
	i := mounted.NewIntake(t)
	i.Directory("d")
	harness.WriteFile(t, i.Path("d/published"), "whole")
	i.Publish()
	i.CutOff(0o644, "d/published", "d/a.tmp", "d/linked", "b.tmp", "log", "written")
	i.Again()
	harness.Must(t, os.Link(i.Path("d/linked"), i.Path("another")))
	if err := os.Link(i.Path("d/linked"), i.Path("third")); err != nil {
		t.Fatal(err)
	}
	all := []string{"b.tmp", "d/a.tmp", "d/linked", "d/published", "log", "written"}
	mustBeIncomplete(i, []string{i.Point}, all...)
	mustBeIncomplete(i, []string{i.State}, all...)
	mustBeIncomplete(i, []string{i.Point, "*.tmp"}, "b.tmp", "d/a.tmp")
	mustBeIncomplete(i, []string{i.Point, "/log", "d/l*"}, "d/linked", "log")
	mustBeIncomplete(i, []string{i.Point, "nothing"})
	harness.Clfsload(t, "incomplete", i.Point, "log").MustExit(harness.ExitOK).MustSay("log: incomplete: its writer was cut off", "1 file incomplete")
	harness.Clfsload(t, "incomplete", "--remove", "--accept", i.Point).MustExit(harness.ExitUsage).MustBeOneLine()
	harness.Clfsload(t, "incomplete", i.Point, "[").MustExit(harness.ExitUsage).MustBeOneLine()

	written, err := os.OpenFile(i.Path("written"), os.O_WRONLY|os.O_APPEND, 0)
	harness.Must(t, err)
	defer written.Close()
	_, err = written.WriteString("again")
	harness.Must(t, err)
	read, err := os.Open(i.Path("b.tmp"))
	harness.Must(t, err)
	defer read.Close()
	for _, name := range []string{"d", "d/a.tmp", "d/linked", "another"} { // so that the kernel remembers them
		if _, err := os.Stat(i.Path(name)); err != nil {
			t.Fatal(err)
		}
	}
	mustBeIncomplete(i, []string{i.Point, "--remove", "*.tmp", "linked", "written"}, "b.tmp", "d/a.tmp", "d/linked")
	for _, name := range []string{"b.tmp", "d/a.tmp", "d/linked", "another", "third"} {
		if _, err := os.Lstat(i.Path(name)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
	buf := make([]byte, 20)
	if n, err := read.ReadAt(buf, 0); string(buf[:n]) != "some of b.tmp" {
		t.Errorf("what was removed while it was open is read as %q, %v", buf[:n], err)
	}
	harness.Must(t, read.Close())
	mustBeIncomplete(i, []string{i.Point, "--accept", "log", "published"}, "d/published", "log")
	harness.Must(t, written.Close())
	mustBeIncomplete(i, []string{i.Point})
	i.Publish()
	if tree := i.MustBePublished().Tree; tree["log"].Size != uint64(len("some of log")) || len(tree) != 5 {
		t.Errorf("published: %v", tree)
	}
}

func TestIncompleteFilesOfAStateWithoutAMountAreListedRemovedAndAccepted(t *testing.T) {
	i := mounted.NewIntake(t)
	i.CutOff(0o644, "accepted", "removed", "left")
	mustBeIncomplete(i, []string{i.State}, "accepted", "left", "removed")
	if got := harness.Clfsload(t, "status", i.State).MustExit(harness.ExitOK).Stdout; !strings.Contains(got, "incomplete   3") {
		t.Errorf("status:\n%s", got)
	}
	mustBeIncomplete(i, []string{i.State, "--remove", "removed"}, "removed")
	mustBeIncomplete(i, []string{i.State, "--accept", "accepted"}, "accepted")
	mustBeIncomplete(i, []string{i.State}, "left")
	i.Again()
	mustBeIncomplete(i, []string{i.Point}, "left")
	if _, err := os.Lstat(i.Path("removed")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("removed: %v", err)
	}
	harness.Clfsload(t, "publish", i.Point).MustExit(harness.ExitIncomplete).MustSay("left: incomplete")
	if tree := trees.Readable(t, i.Blobs()); tree["accepted"].Size != uint64(len("some of accepted")) || len(tree) != 2 {
		t.Errorf("published: %v", tree)
	}
	i.End(unix.SIGTERM).MustExit(harness.ExitIncomplete)
}

func TestIncompleteFilesMayBeLeftWithoutAFailure(t *testing.T) {
	i := mounted.NewIntake(t)
	harness.WriteFile(t, i.Path("whole"), "x")
	i.CutOff(0o644, "half")
	for _, flags := range [][]string{{"publish", i.Point}, {"mount", i.Point}} {
		harness.Clfsload(t, append(flags, "--leave-incomplete", "--include-incomplete")...).MustExit(harness.ExitUsage).MustBeOneLine()
	}
	i.Again("--leave-incomplete")
	i.Flush()
	i.Publish().MustSay("half", "but not failed")
	i.End(unix.SIGTERM).MustExit(harness.ExitOK)
	i.Again()
	harness.Clfsload(t, "publish", i.Point).MustExit(harness.ExitIncomplete).MustSay("half")
	harness.Clfsload(t, "publish", "--leave-incomplete", i.Point).MustExit(harness.ExitOK).MustSay("half")
	open, err := os.Create(i.Path("open"))
	harness.Must(t, err)
	_, err = open.WriteString("x")
	harness.Must(t, err)
	harness.Clfsload(t, "publish", "--leave-incomplete", i.Point).MustExit(harness.ExitIncomplete).MustSay("open: open for writing", "but for 1 entry")
	harness.Must(t, open.Close())
	harness.Clfsload(t, "unmount", "--leave-incomplete", i.Point).MustExit(harness.ExitOK).MustSay("half")
	i.Await().MustExit(harness.ExitOK)
	i.Again()
	mustBeIncomplete(i, []string{i.Point}, "half")
}

func TestTheStateOfALoadHasNoIncompleteFiles(t *testing.T) {
	p := harness.NewPlaces(t)
	harness.WriteFile(t, p.Source+"/file", "x")
	harness.Clfsload(t, "load", "--new", p.State, p.Source, "dir:"+p.Blobs).MustExit(harness.ExitOK)
	for _, flags := range [][]string{nil, {"--remove"}, {"--accept"}} {
		harness.Clfsload(t, append([]string{"incomplete", p.State}, flags...)...).MustExit(harness.ExitState).MustBeOneLine().MustSay("STATE of a load")
	}
	harness.Clfsload(t, "incomplete", t.TempDir()).MustExit(harness.ExitState).MustBeOneLine()
}
