package mount

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/tests/blobserver"
	"clfsload/tests/harness"
	"clfsload/tests/mounted"
	"clfsload/tests/trees"
)

// With nothing to publish nothing is put, but what was published may be gone.
func TestNothingIsPublishedInAContainerThatIsGone(t *testing.T) {
	for what, c := range map[string]struct {
		end  func(t *testing.T, path string)
		code int
	}{
		"the directory is removed":    {func(t *testing.T, path string) { harness.Must(t, os.RemoveAll(path)) }, harness.ExitNoContainer},
		"the directory is moved away": {func(t *testing.T, path string) { harness.Must(t, os.Rename(path, path+"-2")) }, harness.ExitNoContainer},
		"another one is in its place": {func(t *testing.T, path string) {
			harness.Must(t, os.Rename(path, path+"-2"))
			harness.MustMkdir(t, path)
		}, harness.ExitNoContainer},
		"it is emptied":       {func(t *testing.T, path string) { removeBlobs(t, path, "") }, harness.ExitNotEmpty},
		"its root is removed": {func(t *testing.T, path string) { removeBlobs(t, path, trees.RootPrefix) }, harness.ExitDamaged},
	} {
		t.Run(what, func(t *testing.T) {
			i := mounted.NewIntake(t)
			harness.WriteFile(t, i.Path("file"), "x")
			i.Publish()
			c.end(t, strings.TrimPrefix(i.Target, "dir:"))
			for _, command := range []string{"publish", "unmount"} {
				res := harness.Clfsload(t, command, i.Point).MustExit(c.code).MustBeOneLine()
				if strings.Contains(res.Stdout, "published in") {
					t.Errorf("%s says %q", command, res.Stdout)
				}
			}
			if !mounted.At(t, i.Point) {
				t.Error("the mount is gone")
			}
			i.End(unix.SIGTERM).MustExit(harness.ExitIncomplete).MustSay("not there")
		})
	}
}

func TestNothingIsPublishedInAContainerThatTheServiceHasDeleted(t *testing.T) {
	i, c := mounted.NewMeteredIntake(t)
	harness.WriteFile(t, i.Path("file"), "x")
	i.Publish()
	c.NewContainer("container") // an empty one of that name
	harness.Clfsload(t, "publish", i.Point).MustExit(harness.ExitNotEmpty).MustBeOneLine()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, c.URL+"&restype=container", nil)
	harness.Must(t, err)
	answer, err := http.DefaultClient.Do(request)
	harness.Must(t, err)
	harness.Must(t, answer.Body.Close())
	harness.Clfsload(t, "publish", i.Point).MustExit(harness.ExitNoContainer).MustBeOneLine()
}

// removeBlobs takes away the blobs whose names begin with a prefix.
func removeBlobs(t *testing.T, path, prefix string) {
	t.Helper()
	blobs, err := os.ReadDir(path)
	harness.Must(t, err)
	for _, b := range blobs {
		if strings.HasPrefix(b.Name(), prefix) && !strings.HasPrefix(b.Name(), ".") {
			harness.Must(t, os.Remove(path+"/"+b.Name()))
		}
	}
}

// The command and the process that it ends say the same.
func TestAMountThatACommandEndsBeforeAllIsPublishedEndsAsTheCommand(t *testing.T) {
	i, c := mounted.NewMeteredIntake(t, mounted.LongSettle...)
	harness.WriteFile(t, i.Path("file"), "x")
	c.Fail(blobserver.Fault{Cut: true, Times: 1_000_000})
	harness.Clfsload(t, "unmount", "--timeout", "1s", i.Point).MustExit(harness.ExitIncomplete).MustBeOneLine().MustSay("1 entry", i.State)
	i.Await().MustExit(harness.ExitIncomplete).MustSay("1 entry", i.State)
	c.Mend()
	i.Again()
	i.EndsPublishedTo(c)
}

func TestALogThatCannotBeOpenedIsAWrongCommandLine(t *testing.T) {
	directory, point := t.TempDir(), mounted.Point(t)
	state := filepath.Join(directory, "state")
	for _, log := range []string{filepath.Join(directory, "missing", "log"), directory} {
		for _, kind := range [][]string{{"--state", state}, {"--read-only", "--target", trees.MountedGolden(t)}} {
			arguments := append([]string{"mount", "--daemon", "--log-file", log}, kind...)
			harness.Clfsload(t, append(arguments, point)...).MustExit(harness.ExitUsage).MustBeOneLine().MustSay("--log-file", log)
		}
	}
	harness.MustNotExist(t, state)
}

// What there is no time for is named, for people and for programs, and so is what
// keeps it.
func TestWhatThereIsNoTimeForIsNamed(t *testing.T) {
	t.Parallel()
	i, c := mounted.NewMeteredIntake(t, "--settle", "50ms", "--request-timeout", "2s")
	harness.WriteFile(t, i.Path("published"), "x")
	i.Publish()
	c.Fail(blobserver.Fault{Cut: true, Times: 1_000_000})
	harness.WriteFile(t, i.Path("new"), "x")
	open, err := os.Create(i.Path("open"))
	harness.Must(t, err)
	_, err = open.WriteString("x")
	harness.Must(t, err)
	for command, want := range map[string][]string{
		"flush":   {"new: not uploaded yet", "open: open for writing"},
		"publish": {"/: not published yet", "new: not uploaded yet", "open: open for writing"},
	} {
		harness.Clfsload(t, command, "--timeout", "1s", i.Point).MustExit(harness.ExitIncomplete).MustBeOneLine().MustSay(append(want, "not done after 1s")...)
		mustLeaveMount(i, harness.Clfsload(t, command, "--timeout", "1s", "--json", i.Point).MustExit(harness.ExitIncomplete), want)
	}
	said := mustLeaveMount(i, harness.Clfsload(t, "unmount", "--json", "--timeout", "1s", i.Point).MustExit(harness.ExitMountPoint), nil)
	if said.Unmounted || said.Code != harness.ExitMountPoint {
		t.Errorf("of a mount in use unmount says %+v", said)
	}
	harness.Must(t, open.Close())
	said = mustLeaveMount(i, harness.Clfsload(t, "unmount", "--json", "--timeout", "1s", i.Point).MustExit(harness.ExitIncomplete),
		[]string{"/: not published yet", "new: not uploaded yet", "open: not uploaded yet"})
	if !said.Unmounted || said.Code != harness.ExitIncomplete {
		t.Errorf("unmount says %+v", said)
	}
	i.Await().MustExit(harness.ExitIncomplete)
}

// mustLeaveMount wants a command's answer for programs to tell of an error, and to name what
// is left.
func mustLeaveMount(i *mounted.Intake, r harness.Result, want []string) (said mounted.Finished) {
	i.T.Helper()
	harness.Decode(i.T, r.Stdout, &said)
	var left []string
	for _, l := range said.Left {
		left = append(left, l.Path+": "+l.Why)
	}
	slices.Sort(left)
	if said.Error == "" || said.Code != r.Code || !slices.Equal(left, want) || said.LeftTotal != len(want) || said.Published {
		i.T.Errorf("clfsload %s: %+v, want %q", strings.Join(r.Arguments, " "), said, want)
	}
	return said
}

func TestTheStateOfALoadIsNoMount(t *testing.T) {
	source := t.TempDir()
	harness.WriteFile(t, filepath.Join(source, "file"), "x")
	load := harness.NewTransfer(t, source)
	harness.Clfsload(t, load.Begin()...).MustExit(harness.ExitOK)
	for _, command := range []string{"flush", "publish", "unmount"} {
		harness.Clfsload(t, command, load.State).MustExit(harness.ExitState).MustBeOneLine().
			MustSay("the STATE of a load", "clfsload load "+load.State+" "+source)
	}
}

func TestValuesThatAreTooSmallAreToldAsTheyWereGiven(t *testing.T) {
	point := mounted.Point(t)
	help := harness.Clfsload(t, "mount", "--help").MustExit(harness.ExitOK)
	for _, c := range []struct{ flag, value, least string }{
		{"--staging-limit", "24M", "64MiB"}, {"--memory", "24M", "64MiB"}, {"--publish-interval", "500ms", "1s"},
	} {
		harness.Clfsload(t, "mount", c.flag, c.value, point).MustExit(harness.ExitUsage).MustBeOneLine().MustSay(c.flag+" "+c.value, c.least)
		help.MustSay(c.least + " or more")
	}
}

// Both commands say the same of a file that cannot be read from STATE.
func TestAFileThatCannotBeUploadedIsNamedWithTheReason(t *testing.T) {
	i := mounted.NewIntake(t, mounted.LongSettle...)
	harness.WriteFile(t, i.Path("good"), "x")
	harness.WriteFile(t, i.Path("bad"), strings.Repeat("x", 100))
	for _, path := range mounted.StagedFiles(t, i.State) {
		if info, err := os.Stat(path); err == nil && info.Size() == 100 {
			harness.Must(t, os.Remove(path))
		}
	}
	for _, command := range []string{"flush", "publish"} {
		harness.Clfsload(t, command, i.Point).MustExit(harness.ExitIncomplete).MustSay("bad: cannot be uploaded: open: ", "but for 1 entry")
	}
}

// Nothing is left, but nobody can tell whether what was published is there still.
func TestUnmountDoesNotClaimWhatTheContainerDoesNotTell(t *testing.T) {
	t.Parallel()
	i, c := mounted.NewMeteredIntake(t)
	harness.WriteFile(t, i.Path("file"), "x")
	i.Publish()
	c.Fail(blobserver.Fault{Cut: true, Times: 1_000_000})
	harness.Clfsload(t, "unmount", "--timeout", "1s", i.Point).MustExit(harness.ExitIncomplete).MustBeOneLine().MustSay("was not found")
	i.Await().MustExit(harness.ExitIncomplete)
	i.Again()
	i.End(unix.SIGTERM).MustExit(harness.ExitOK).MustSay("does not tell")
}
