package publish

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/clfs"
	"clfsload/tests/blobserver"
	"clfsload/tests/harness"
	"clfsload/tests/mounted"
	"clfsload/tests/remote"
	"clfsload/tests/trees"
)

// For as long as the container cannot be reached, the mount takes everything in and
// says what is the matter. Afterwards everything goes through by itself.
func TestAContainerThatIsAwayForAWhileStopsNobody(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]blobserver.Fault{
		"connections cut": {Cut: true},
		"503":             {Status: http.StatusServiceUnavailable, Code: "ServerBusy"},
	} {
		t.Run(name, func(t *testing.T) {
			source := trees.ModestTree(t)
			i, c := mounted.NewMeteredIntake(t, "--settle", "50ms", "--request-timeout", "2s")
			fault.Times = 1_000_000
			c.Fail(fault)
			i.RsyncInto(source)
			s := i.AwaitStatus("trouble is told", func(s mounted.IntakeStatus) bool { return s.Trouble != nil && s.Uploading.Entries > 0 })
			if s.Trouble.Reason == "" || s.Uploading.Bytes == 0 {
				t.Errorf("in the outage status says %+v", s)
			}
			harness.Clfsload(t, "status", i.Point).MustExit(harness.ExitOK).MustSay("trouble")
			harness.Clfsload(t, "flush", "--timeout", "1s", i.Point).MustExit(harness.ExitIncomplete)
			c.Mend()
			i.Publish()
			if s := i.Status(); s.Trouble != nil || s.Uploading.Entries+s.Uploaded.Entries+s.Staged.Entries > 0 {
				t.Errorf("after it status says %+v", s)
			}
			i.NothingToDo(source)
			i.EndsPublishedTo(c)
		})
	}
}

// A mount that begins while its container is away serves at once, and goes on with it
// later.
func TestAMountBeginsThoughItsContainerIsAway(t *testing.T) {
	t.Parallel()
	i, c := mounted.NewMeteredIntake(t, "--settle", "50ms")
	harness.WriteFile(t, i.Path("before"), "before")
	i.Killed()
	c.Fail(blobserver.Fault{Cut: true, Times: 1_000_000})
	i.Again("--settle", "50ms")
	if got, err := os.ReadFile(i.Path("before")); err != nil || string(got) != "before" {
		t.Errorf("%q, %v", got, err)
	}
	harness.WriteFile(t, i.Path("meanwhile"), "meanwhile")
	c.Mend()
	i.Publish()
	if log := i.EndsPublishedTo(c).Stderr; !strings.Contains(log, fmt.Sprintf("code=%d\n", harness.ExitUnreachable)) || strings.Contains(log, "code=1\n") {
		t.Errorf("of a container that cannot be reached the log says\n%s", log)
	}
}

// Uploads wait for new credentials, and nobody who writes notices.
func TestAMountWaitsForNewCredentialsAndGoesOn(t *testing.T) {
	source := trees.ModestTree(t)
	c := remote.NewMetered(t)
	g := remote.Guarded{Metered: c, File: harness.SecretFile(t, "sv=1&"+remote.OldSignature)}
	c.URL, _, _ = strings.Cut(c.URL, "?")
	c.AcceptOnly(remote.OldSignature)
	c.Await(remote.Moment{Blobs: 30, Stored: true, Act: func() { c.AcceptOnly(remote.NewSignature) }})
	i := mounted.NewIntakeInto(t, c.URL, "--settle", "50ms", "--credentials-file", g.File)
	i.RsyncInto(source)
	s := i.AwaitStatus("trouble is told", func(s mounted.IntakeStatus) bool { return s.Trouble != nil })
	if !strings.Contains(s.Trouble.Reason, "credentials") {
		t.Errorf("status says %q", s.Trouble.Reason)
	}
	g.Replace(t, "sv=1&"+remote.NewSignature)
	i.Signal(unix.SIGHUP)
	i.Publish()
	i.NothingToDo(source)
	res := i.EndsPublishedTo(c)
	harness.Must(t, filepath.WalkDir(i.State, func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if strings.Contains(string(data)+res.Stderr, "Signature") {
			t.Errorf("%s or the log holds a signature", path)
		}
		return err
	}))
}

// What cannot be a mount, or not this one, is refused, and nothing is left mounted.
func TestMountsThatCannotBeAreRefused(t *testing.T) {
	i := mounted.NewIntake(t)
	harness.WriteFile(t, i.Path("file"), "x")
	free, file := mounted.Point(t), filepath.Join(t.TempDir(), "file")
	harness.WriteFile(t, file, "x")
	source := t.TempDir()
	harness.Must(t, os.Symlink(strings.Repeat("x", clfs.MaxTargetBytes+1), filepath.Join(source, "too-long")))
	load := harness.NewTransfer(t, source)
	harness.Clfsload(t, load.Begin()...).MustExit(harness.ExitIncomplete)
	other := mounted.NewIntake(t)
	fresh := func() string { return filepath.Join(t.TempDir(), "state") }
	for what, c := range map[string]struct {
		arguments []string
		code      int
	}{
		"a second mount of a state":             {[]string{"--state", i.State, "--target", i.Target, free}, harness.ExitBusy},
		"a container that was not published":    {[]string{"--state", fresh(), "--target", i.Target, free}, harness.ExitDamaged},
		"a point where something is mounted":    {[]string{"--state", fresh(), i.Point}, harness.ExitMountPoint},
		"a point that is a file":                {[]string{"--state", fresh(), file}, harness.ExitMountPoint},
		"a point that is not there":             {[]string{"--state", fresh(), free + "/nothing"}, harness.ExitMountPoint},
		"a container that something else is in": {[]string{"--state", fresh(), "--target", "dir:" + filepath.Dir(file), free}, harness.ExitNotEmpty},
		"the state of a load under way":         {[]string{"--state", load.State, free}, harness.ExitState},
		"a state of another container":          {[]string{"--state", i.State, "--target", other.Target, free}, harness.ExitBusy},
	} {
		harness.Clfsload(t, append([]string{"mount"}, c.arguments...)...).MustExit(c.code).MustBeOneLine()
		if mounted.At(t, free) {
			t.Fatalf("%s: left a mount behind", what)
		}
	}
	i.EndsWell(unix.SIGTERM)
	harness.Clfsload(t, "mount", "--state", i.State, "--target", other.Target, free).MustExit(harness.ExitState).MustBeOneLine()
	i.Again()
	i.EndsPublished()
}
