package tests

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
			source := modestTree(t)
			i, c := newMeteredIntake(t, "--settle", "50ms", "--request-timeout", "2s")
			fault.Times = 1_000_000
			c.Fail(fault)
			i.rsyncInto(source)
			s := i.awaitStatus("trouble is told", func(s intakeStatus) bool { return s.Trouble != nil && s.Uploading.Entries > 0 })
			if s.Trouble.Reason == "" || s.Uploading.Bytes == 0 {
				t.Errorf("in the outage status says %+v", s)
			}
			clfsload(t, "status", i.point).mustExit(exitOK).mustSay("trouble")
			clfsload(t, "flush", "--timeout", "1s", i.point).mustExit(exitIncomplete)
			c.Mend()
			i.publish()
			if s := i.status(); s.Trouble != nil || s.Uploading.Entries+s.Uploaded.Entries+s.Staged.Entries > 0 {
				t.Errorf("after it status says %+v", s)
			}
			i.nothingToDo(source)
			i.endsPublishedTo(c)
		})
	}
}

// A mount that begins while its container is away serves at once, and goes on with it
// later.
func TestAMountBeginsThoughItsContainerIsAway(t *testing.T) {
	t.Parallel()
	i, c := newMeteredIntake(t, "--settle", "50ms")
	writeFile(t, i.path("before"), "before")
	i.killed()
	c.Fail(blobserver.Fault{Cut: true, Times: 1_000_000})
	i.again("--settle", "50ms")
	if got, err := os.ReadFile(i.path("before")); err != nil || string(got) != "before" {
		t.Errorf("%q, %v", got, err)
	}
	writeFile(t, i.path("meanwhile"), "meanwhile")
	c.Mend()
	i.publish()
	if log := i.endsPublishedTo(c).stderr; !strings.Contains(log, fmt.Sprintf("code=%d\n", exitUnreachable)) || strings.Contains(log, "code=1\n") {
		t.Errorf("of a container that cannot be reached the log says\n%s", log)
	}
}

// Uploads wait for new credentials, and nobody who writes notices.
func TestAMountWaitsForNewCredentialsAndGoesOn(t *testing.T) {
	source := modestTree(t)
	c := newMeteredContainer(t)
	g := guarded{meteredContainer: c, file: secretFile(t, "sv=1&"+oldSignature)}
	c.url, _, _ = strings.Cut(c.url, "?")
	c.AcceptOnly(oldSignature)
	c.await(moment{blobs: 30, stored: true, act: func() { c.AcceptOnly(newSignature) }})
	i := newIntakeInto(t, c.url, "--settle", "50ms", "--credentials-file", g.file)
	i.rsyncInto(source)
	s := i.awaitStatus("trouble is told", func(s intakeStatus) bool { return s.Trouble != nil })
	if !strings.Contains(s.Trouble.Reason, "credentials") {
		t.Errorf("status says %q", s.Trouble.Reason)
	}
	g.replace(t, "sv=1&"+newSignature)
	i.signal(unix.SIGHUP)
	i.publish()
	i.nothingToDo(source)
	res := i.endsPublishedTo(c)
	must(t, filepath.WalkDir(i.state, func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if strings.Contains(string(data)+res.stderr, "Signature") {
			t.Errorf("%s or the log holds a signature", path)
		}
		return err
	}))
}

// What cannot be a mount, or not this one, is refused, and nothing is left mounted.
func TestMountsThatCannotBeAreRefused(t *testing.T) {
	i := newIntake(t)
	writeFile(t, i.path("file"), "x")
	free, file := mountPoint(t), filepath.Join(t.TempDir(), "file")
	writeFile(t, file, "x")
	source := t.TempDir()
	must(t, os.Symlink(strings.Repeat("x", clfs.MaxTargetBytes+1), filepath.Join(source, "too-long")))
	load := newTransfer(t, source)
	clfsload(t, load.begin()...).mustExit(exitIncomplete)
	other := newIntake(t)
	fresh := func() string { return filepath.Join(t.TempDir(), "state") }
	for what, c := range map[string]struct {
		arguments []string
		code      int
	}{
		"a second mount of a state":             {[]string{"--state", i.state, "--target", i.target, free}, exitBusy},
		"a container that was not published":    {[]string{"--state", fresh(), "--target", i.target, free}, exitDamaged},
		"a point where something is mounted":    {[]string{"--state", fresh(), i.point}, exitMountPoint},
		"a point that is a file":                {[]string{"--state", fresh(), file}, exitMountPoint},
		"a point that is not there":             {[]string{"--state", fresh(), free + "/nothing"}, exitMountPoint},
		"a container that something else is in": {[]string{"--state", fresh(), "--target", "dir:" + filepath.Dir(file), free}, exitNotEmpty},
		"the state of a load under way":         {[]string{"--state", load.state, free}, exitState},
		"a state of another container":          {[]string{"--state", i.state, "--target", other.target, free}, exitBusy},
	} {
		clfsload(t, append([]string{"mount"}, c.arguments...)...).mustExit(c.code).mustBeOneLine()
		if isMounted(t, free) {
			t.Fatalf("%s: left a mount behind", what)
		}
	}
	i.endsWell(unix.SIGTERM)
	clfsload(t, "mount", "--state", i.state, "--target", other.target, free).mustExit(exitState).mustBeOneLine()
	i.again()
	i.endsPublished()
}
