package tests

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// incompletes is what `clfsload incomplete` lists.
func incompletes(i *intake, arguments ...string) (paths []string) {
	i.t.Helper()
	var said struct {
		Total int
		Files []struct{ Path string }
	}
	decode(i.t, clfsload(i.t, append([]string{"incomplete", "--json"}, arguments...)...).mustExit(exitOK).stdout, &said)
	for _, f := range said.Files {
		paths = append(paths, f.Path)
	}
	if said.Total != len(paths) {
		i.t.Errorf("%d files, and a total of %d", len(paths), said.Total)
	}
	slices.Sort(paths)
	return paths
}

func mustBeIncomplete(i *intake, arguments []string, want ...string) {
	i.t.Helper()
	if got := incompletes(i, arguments...); !slices.Equal(got, want) {
		i.t.Errorf("clfsload incomplete %s: %q, not %q", strings.Join(arguments, " "), got, want)
	}
}

// rsync takes another temporary name when it runs again: the one that was cut off stays
// for ever. Nobody misses it once the file itself is there.
func TestWhatRsyncLeftBehindIsNoFailureOnceTheFileIsWrittenAgain(t *testing.T) {
	i := newIntake(t)
	for _, name := range []string{"old", "touched"} {
		writeFile(t, i.path(name), "from before")
	}
	left := []string{".big.AbCdEf", ".profile.0zZ9aA", ".old.AbCdEf", ".touched.AbCdEf", ".gone.AbCdEf", ".short.AbCdE", ".dir.AbCdEf", "plain"}
	i.cutOff(0o600, left...)
	i.again()
	clfsload(t, "publish", i.point).mustExit(exitIncomplete).mustSay(left...)
	for _, name := range []string{"big", ".profile", "short"} {
		writeFile(t, i.path(name), "all of it")
	}
	must(t, os.Chmod(i.path("touched"), 0o600))
	i.directory("dir")
	res := clfsload(t, "publish", i.point).mustExit(exitIncomplete).mustSay("but for 6 entries", "but not failed",
		".big.AbCdEf: incomplete: left behind by rsync, which has written big since", "which has written .profile since")
	for _, name := range []string{".old.AbCdEf", ".touched.AbCdEf", ".gone.AbCdEf", ".short.AbCdE", ".dir.AbCdEf", "plain"} {
		if !strings.Contains(res.stdout, name+": incomplete: its writer was cut off") {
			t.Errorf("%s is not named as a failure:\n%s", name, res.stdout)
		}
		must(t, os.Remove(i.path(name)))
	}
	i.publish().mustSay("but not failed", ".big.AbCdEf")
	clfsload(t, "flush", i.point).mustExit(exitOK)
	mustBeIncomplete(i, []string{i.point}, ".big.AbCdEf", ".profile.0zZ9aA")
	if tree := readable(t, i.blobs()); tree["big"].Size == 0 || tree[".big.AbCdEf"].Size != 0 {
		t.Errorf("published: %v", tree)
	}
	i.end(unix.SIGTERM).mustExit(exitOK).mustSay("everything is published but incomplete files")
	i.again()
	mustBeIncomplete(i, []string{i.point}, ".big.AbCdEf", ".profile.0zZ9aA")
	clfsload(t, "unmount", i.point).mustExit(exitOK).mustSay("but not failed")
	i.await().mustExit(exitOK)
}

// A temporary file of rsync has no rights for others until it is whole.
func TestAFileThatOnlyItsNameMakesOneOfRsyncIsAFailure(t *testing.T) {
	i := newIntake(t)
	i.cutOff(0o644, ".config.backup")
	i.again()
	writeFile(t, i.path("config"), "x")
	clfsload(t, "publish", i.point).mustExit(exitIncomplete).mustSay(".config.backup: incomplete: its writer")
}

func TestIncompleteFilesAreListedRemovedAndAccepted(t *testing.T) {
	i := newIntake(t)
	i.directory("d")
	writeFile(t, i.path("d/published"), "whole")
	i.publish()
	i.cutOff(0o644, "d/published", "d/a.tmp", "d/linked", "b.tmp", "log", "written")
	i.again()
	must(t, os.Link(i.path("d/linked"), i.path("another")))
	if err := os.Link(i.path("d/linked"), i.path("third")); err != nil {
		t.Fatal(err)
	}
	all := []string{"b.tmp", "d/a.tmp", "d/linked", "d/published", "log", "written"}
	mustBeIncomplete(i, []string{i.point}, all...)
	mustBeIncomplete(i, []string{i.state}, all...)
	mustBeIncomplete(i, []string{i.point, "*.tmp"}, "b.tmp", "d/a.tmp")
	mustBeIncomplete(i, []string{i.point, "/log", "d/l*"}, "d/linked", "log")
	mustBeIncomplete(i, []string{i.point, "nothing"})
	clfsload(t, "incomplete", i.point, "log").mustExit(exitOK).mustSay("log: incomplete: its writer was cut off", "1 file incomplete")
	clfsload(t, "incomplete", "--remove", "--accept", i.point).mustExit(exitUsage).mustBeOneLine()
	clfsload(t, "incomplete", i.point, "[").mustExit(exitUsage).mustBeOneLine()

	written, err := os.OpenFile(i.path("written"), os.O_WRONLY|os.O_APPEND, 0)
	must(t, err)
	defer written.Close()
	_, err = written.WriteString("again")
	must(t, err)
	read, err := os.Open(i.path("b.tmp"))
	must(t, err)
	defer read.Close()
	for _, name := range []string{"d", "d/a.tmp", "d/linked", "another"} { // so that the kernel remembers them
		if _, err := os.Stat(i.path(name)); err != nil {
			t.Fatal(err)
		}
	}
	mustBeIncomplete(i, []string{i.point, "--remove", "*.tmp", "linked", "written"}, "b.tmp", "d/a.tmp", "d/linked")
	for _, name := range []string{"b.tmp", "d/a.tmp", "d/linked", "another", "third"} {
		if _, err := os.Lstat(i.path(name)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
	buf := make([]byte, 20)
	if n, err := read.ReadAt(buf, 0); string(buf[:n]) != "some of b.tmp" {
		t.Errorf("what was removed while it was open is read as %q, %v", buf[:n], err)
	}
	must(t, read.Close())
	mustBeIncomplete(i, []string{i.point, "--accept", "log", "published"}, "d/published", "log")
	must(t, written.Close())
	mustBeIncomplete(i, []string{i.point})
	i.publish()
	if tree := i.mustBePublished().Tree; tree["log"].Size != uint64(len("some of log")) || len(tree) != 5 {
		t.Errorf("published: %v", tree)
	}
}

func TestIncompleteFilesOfAStateWithoutAMountAreListedRemovedAndAccepted(t *testing.T) {
	i := newIntake(t)
	i.cutOff(0o644, "accepted", "removed", "left")
	mustBeIncomplete(i, []string{i.state}, "accepted", "left", "removed")
	if got := clfsload(t, "status", i.state).mustExit(exitOK).stdout; !strings.Contains(got, "incomplete   3") {
		t.Errorf("status:\n%s", got)
	}
	mustBeIncomplete(i, []string{i.state, "--remove", "removed"}, "removed")
	mustBeIncomplete(i, []string{i.state, "--accept", "accepted"}, "accepted")
	mustBeIncomplete(i, []string{i.state}, "left")
	i.again()
	mustBeIncomplete(i, []string{i.point}, "left")
	if _, err := os.Lstat(i.path("removed")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("removed: %v", err)
	}
	clfsload(t, "publish", i.point).mustExit(exitIncomplete).mustSay("left: incomplete")
	if tree := readable(t, i.blobs()); tree["accepted"].Size != uint64(len("some of accepted")) || len(tree) != 2 {
		t.Errorf("published: %v", tree)
	}
	i.end(unix.SIGTERM).mustExit(exitIncomplete)
}

func TestIncompleteFilesMayBeLeftWithoutAFailure(t *testing.T) {
	i := newIntake(t)
	writeFile(t, i.path("whole"), "x")
	i.cutOff(0o644, "half")
	for _, flags := range [][]string{{"publish", i.point}, {"mount", i.point}} {
		clfsload(t, append(flags, "--leave-incomplete", "--include-incomplete")...).mustExit(exitUsage).mustBeOneLine()
	}
	i.again("--leave-incomplete")
	i.flush()
	i.publish().mustSay("half", "but not failed")
	i.end(unix.SIGTERM).mustExit(exitOK)
	i.again()
	clfsload(t, "publish", i.point).mustExit(exitIncomplete).mustSay("half")
	clfsload(t, "publish", "--leave-incomplete", i.point).mustExit(exitOK).mustSay("half")
	open, err := os.Create(i.path("open"))
	must(t, err)
	_, err = open.WriteString("x")
	must(t, err)
	clfsload(t, "publish", "--leave-incomplete", i.point).mustExit(exitIncomplete).mustSay("open: open for writing", "but for 1 entry")
	must(t, open.Close())
	clfsload(t, "unmount", "--leave-incomplete", i.point).mustExit(exitOK).mustSay("half")
	i.await().mustExit(exitOK)
	i.again()
	mustBeIncomplete(i, []string{i.point}, "half")
}

func TestTheStateOfALoadHasNoIncompleteFiles(t *testing.T) {
	p := newPlaces(t)
	writeFile(t, p.source+"/file", "x")
	clfsload(t, "load", "--new", p.state, p.source, "dir:"+p.blobs).mustExit(exitOK)
	for _, flags := range [][]string{nil, {"--remove"}, {"--accept"}} {
		clfsload(t, append([]string{"incomplete", p.state}, flags...)...).mustExit(exitState).mustBeOneLine().mustSay("STATE of a load")
	}
	clfsload(t, "incomplete", t.TempDir()).mustExit(exitState).mustBeOneLine()
}
