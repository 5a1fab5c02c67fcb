package tests

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/tests/blobserver"
)

// With nothing to publish nothing is put, but what was published may be gone.
func TestNothingIsPublishedInAContainerThatIsGone(t *testing.T) {
	for what, c := range map[string]struct {
		end  func(t *testing.T, path string)
		code int
	}{
		"the directory is removed":    {func(t *testing.T, path string) { must(t, os.RemoveAll(path)) }, exitNoContainer},
		"the directory is moved away": {func(t *testing.T, path string) { must(t, os.Rename(path, path+"-2")) }, exitNoContainer},
		"another one is in its place": {func(t *testing.T, path string) {
			must(t, os.Rename(path, path+"-2"))
			mustMkdir(t, path)
		}, exitNoContainer},
		"it is emptied":       {func(t *testing.T, path string) { removeBlobs(t, path, "") }, exitNotEmpty},
		"its root is removed": {func(t *testing.T, path string) { removeBlobs(t, path, rootPrefix) }, exitDamaged},
	} {
		t.Run(what, func(t *testing.T) {
			i := newIntake(t)
			writeFile(t, i.path("file"), "x")
			i.publish()
			c.end(t, strings.TrimPrefix(i.target, "dir:"))
			for _, command := range []string{"publish", "unmount"} {
				res := clfsload(t, command, i.point).mustExit(c.code).mustBeOneLine()
				if strings.Contains(res.stdout, "published in") {
					t.Errorf("%s says %q", command, res.stdout)
				}
			}
			if !isMounted(t, i.point) {
				t.Error("the mount is gone")
			}
			i.end(unix.SIGTERM).mustExit(exitIncomplete).mustSay("not there")
		})
	}
}

func TestNothingIsPublishedInAContainerThatTheServiceHasDeleted(t *testing.T) {
	i, c := newMeteredIntake(t)
	writeFile(t, i.path("file"), "x")
	i.publish()
	c.NewContainer("container") // an empty one of that name
	clfsload(t, "publish", i.point).mustExit(exitNotEmpty).mustBeOneLine()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, c.url+"&restype=container", nil)
	must(t, err)
	answer, err := http.DefaultClient.Do(request)
	must(t, err)
	must(t, answer.Body.Close())
	clfsload(t, "publish", i.point).mustExit(exitNoContainer).mustBeOneLine()
}

// removeBlobs takes away the blobs whose names begin with a prefix.
func removeBlobs(t *testing.T, path, prefix string) {
	t.Helper()
	blobs, err := os.ReadDir(path)
	must(t, err)
	for _, b := range blobs {
		if strings.HasPrefix(b.Name(), prefix) && !strings.HasPrefix(b.Name(), ".") {
			must(t, os.Remove(path+"/"+b.Name()))
		}
	}
}

// The command and the process that it ends say the same.
func TestAMountThatACommandEndsBeforeAllIsPublishedEndsAsTheCommand(t *testing.T) {
	i, c := newMeteredIntake(t, longSettle...)
	writeFile(t, i.path("file"), "x")
	c.Fail(blobserver.Fault{Cut: true, Times: 1_000_000})
	clfsload(t, "unmount", "--timeout", "1s", i.point).mustExit(exitIncomplete).mustBeOneLine().mustSay("1 entry", i.state)
	i.await().mustExit(exitIncomplete).mustSay("1 entry", i.state)
	c.Mend()
	i.again()
	i.endsPublishedTo(c)
}

func TestALogThatCannotBeOpenedIsAWrongCommandLine(t *testing.T) {
	directory, point := t.TempDir(), mountPoint(t)
	state := filepath.Join(directory, "state")
	for _, log := range []string{filepath.Join(directory, "missing", "log"), directory} {
		for _, kind := range [][]string{{"--state", state}, {"--read-only", "--target", mountedGolden(t)}} {
			arguments := append([]string{"mount", "--daemon", "--log-file", log}, kind...)
			clfsload(t, append(arguments, point)...).mustExit(exitUsage).mustBeOneLine().mustSay("--log-file", log)
		}
	}
	mustNotExist(t, state)
}

// What there is no time for is named, for people and for programs, and so is what
// keeps it.
func TestWhatThereIsNoTimeForIsNamed(t *testing.T) {
	t.Parallel()
	i, c := newMeteredIntake(t, "--settle", "50ms", "--request-timeout", "2s")
	writeFile(t, i.path("published"), "x")
	i.publish()
	c.Fail(blobserver.Fault{Cut: true, Times: 1_000_000})
	writeFile(t, i.path("new"), "x")
	open, err := os.Create(i.path("open"))
	must(t, err)
	_, err = open.WriteString("x")
	must(t, err)
	for command, want := range map[string][]string{
		"flush":   {"new: not uploaded yet", "open: open for writing"},
		"publish": {"/: not published yet", "new: not uploaded yet", "open: open for writing"},
	} {
		clfsload(t, command, "--timeout", "1s", i.point).mustExit(exitIncomplete).mustBeOneLine().mustSay(append(want, "not done after 1s")...)
		mustLeaveMount(i, clfsload(t, command, "--timeout", "1s", "--json", i.point).mustExit(exitIncomplete), want)
	}
	said := mustLeaveMount(i, clfsload(t, "unmount", "--json", "--timeout", "1s", i.point).mustExit(exitMountPoint), nil)
	if said.Unmounted || said.Code != exitMountPoint {
		t.Errorf("of a mount in use unmount says %+v", said)
	}
	must(t, open.Close())
	said = mustLeaveMount(i, clfsload(t, "unmount", "--json", "--timeout", "1s", i.point).mustExit(exitIncomplete),
		[]string{"/: not published yet", "new: not uploaded yet", "open: not uploaded yet"})
	if !said.Unmounted || said.Code != exitIncomplete {
		t.Errorf("unmount says %+v", said)
	}
	i.await().mustExit(exitIncomplete)
}

// mustLeaveMount wants a command's answer for programs to tell of an error, and to name what
// is left.
func mustLeaveMount(i *intake, r result, want []string) (said finished) {
	i.t.Helper()
	decode(i.t, r.stdout, &said)
	var left []string
	for _, l := range said.Left {
		left = append(left, l.Path+": "+l.Why)
	}
	slices.Sort(left)
	if said.Error == "" || said.Code != r.code || !slices.Equal(left, want) || said.LeftTotal != len(want) || said.Published {
		i.t.Errorf("clfsload %s: %+v, want %q", strings.Join(r.arguments, " "), said, want)
	}
	return said
}

func TestTheStateOfALoadIsNoMount(t *testing.T) {
	source := t.TempDir()
	writeFile(t, filepath.Join(source, "file"), "x")
	load := newTransfer(t, source)
	clfsload(t, load.begin()...).mustExit(exitOK)
	for _, command := range []string{"flush", "publish", "unmount"} {
		clfsload(t, command, load.state).mustExit(exitState).mustBeOneLine().
			mustSay("the STATE of a load", "clfsload load "+load.state+" "+source)
	}
}

func TestValuesThatAreTooSmallAreToldAsTheyWereGiven(t *testing.T) {
	point := mountPoint(t)
	help := clfsload(t, "mount", "--help").mustExit(exitOK)
	for _, c := range []struct{ flag, value, least string }{
		{"--staging-limit", "24M", "64MiB"}, {"--memory", "24M", "64MiB"}, {"--publish-interval", "500ms", "1s"},
	} {
		clfsload(t, "mount", c.flag, c.value, point).mustExit(exitUsage).mustBeOneLine().mustSay(c.flag+" "+c.value, c.least)
		help.mustSay(c.least + " or more")
	}
}

// Both commands say the same of a file that cannot be read from STATE.
func TestAFileThatCannotBeUploadedIsNamedWithTheReason(t *testing.T) {
	i := newIntake(t, longSettle...)
	writeFile(t, i.path("good"), "x")
	writeFile(t, i.path("bad"), strings.Repeat("x", 100))
	for _, path := range stagedFiles(t, i.state) {
		if info, err := os.Stat(path); err == nil && info.Size() == 100 {
			must(t, os.Remove(path))
		}
	}
	for _, command := range []string{"flush", "publish"} {
		clfsload(t, command, i.point).mustExit(exitIncomplete).mustSay("bad: cannot be uploaded: open: ", "but for 1 entry")
	}
}

// Nothing is left, but nobody can tell whether what was published is there still.
func TestUnmountDoesNotClaimWhatTheContainerDoesNotTell(t *testing.T) {
	t.Parallel()
	i, c := newMeteredIntake(t)
	writeFile(t, i.path("file"), "x")
	i.publish()
	c.Fail(blobserver.Fault{Cut: true, Times: 1_000_000})
	clfsload(t, "unmount", "--timeout", "1s", i.point).mustExit(exitIncomplete).mustBeOneLine().mustSay("was not found")
	i.await().mustExit(exitIncomplete)
	i.again()
	i.end(unix.SIGTERM).mustExit(exitOK).mustSay("does not tell")
}
