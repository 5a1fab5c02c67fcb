package tests

import (
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/sas"
	"golang.org/x/sys/unix"

	"clfsload/tests/azurite"
	"clfsload/tests/blobserver"
)

// takenAddress is one that somebody listens on.
func takenAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}

// withoutRightToMount runs a command as a root that may not mount.
func withoutRightToMount(c *exec.Cmd) {
	c.Args = append([]string{"setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin"}, c.Args...)
	c.Path, c.Err = exec.LookPath("setpriv")
}

// forbidden is how the service refuses what the credentials do not allow.
func forbidden(operation string) blobserver.Fault {
	return blobserver.Fault{Operation: operation, Status: http.StatusForbidden, Code: "AuthorizationPermissionMismatch", Times: 1_000_000}
}

func after(n int, f blobserver.Fault) blobserver.Fault {
	f.Skip = n
	return f
}

// What the service refuses before, while and after the first blob is put.
var refusingServices = map[string]blobserver.Fault{
	"put":                           forbidden("Put"),
	"list":                          forbidden("List"),
	"delete":                        forbidden("Delete"),
	"lease":                         forbidden("Lease"),
	"lease of what is there":        after(1, forbidden("Lease")),
	"lease, and another has it":     {Operation: "Lease", Skip: 1, Status: http.StatusConflict, Code: "LeaseAlreadyPresent", Times: 1_000_000},
	"look at what was put":          {Operation: "Get", Skip: 1, Status: http.StatusForbidden, Code: "AuthorizationPermissionMismatch"},
	"lease, with a proxy's own way": after(1, blobserver.Fault{Operation: "Lease", Status: http.StatusMethodNotAllowed, Code: "UnsupportedHttpVerb", Times: 1_000_000}),
}

func TestANewLoadThatTheServiceRefusesLeavesNothing(t *testing.T) {
	for what, fault := range refusingServices {
		t.Run(what, func(t *testing.T) {
			p, c := newPlaces(t), newMeteredContainer(t)
			c.Fail(fault)
			mustLeave(t, p.directory, func() {
				if r := clfsload(t, c.into(p.state, p.source, "--new")...).mustBeOneLine(); r.code == exitOK {
					t.Error("the load was not refused")
				}
			})
			if left := c.Blobs("container"); len(left) > 0 {
				t.Errorf("blobs were left: %v", left)
			}
			c.Mend()
			clfsload(t, c.into(p.state, p.source, "--new")...).mustExit(exitOK)
		})
	}
}

func TestANewMountThatTheServiceRefusesLeavesNothing(t *testing.T) {
	for what, fault := range refusingServices {
		t.Run(what, func(t *testing.T) {
			directory, point, c := t.TempDir(), mountPoint(t), newMeteredContainer(t)
			c.Fail(fault)
			mustLeave(t, directory, func() {
				r := clfsload(t, "mount", "--state", filepath.Join(directory, "a", "b", "state"), "--target", c.url, point).mustBeOneLine()
				if r.code == exitOK {
					t.Error("the mount was not refused")
				}
			})
			if left := c.Blobs("container"); len(left) > 0 {
				t.Errorf("blobs were left: %v", left)
			}
		})
	}
}

// What the SAS of real deployments leave out: each is refused by the service's own rules.
func TestALoadWithASASThatLacksAPermissionLeavesNothing(t *testing.T) {
	server := azurite.Start(t)
	for title, p := range map[string]sas.ContainerPermissions{
		"no read":             {Write: true, Create: true, Delete: true, List: true},
		"no write":            {Read: true, Create: true, Delete: true, List: true},
		"no write nor create": {Read: true, Delete: true, List: true},
		"no delete":           {Read: true, Write: true, Create: true, List: true},
		"no list":             {Read: true, Write: true, Create: true, Delete: true},
	} {
		t.Run(title, func(t *testing.T) {
			places, name := newPlaces(t), server.NewContainer(t)
			target := server.ContainerURL(name) + "?" + server.SASFor(t, name, p, time.Now().Add(time.Hour))
			mustLeave(t, places.directory, func() {
				clfsload(t, "load", "--new", places.state, places.source, target).mustExit(exitPermission).mustBeOneLine()
			})
			if names := serviceNames(t, serviceClient(t, server, name)); len(names) > 0 {
				t.Errorf("blobs were left: %q", names)
			}
		})
	}
}

// A container that was made for a refused load is empty, and said to be there.
func TestARefusedLoadSaysThatItHasMadeTheContainer(t *testing.T) {
	p, c := newPlaces(t), newMeteredContainer(t)
	url := strings.Replace(c.url, "/container?", "/other?", 1)
	c.Fail(forbidden("Lease"))
	mustLeave(t, p.directory, func() {
		clfsload(t, "load", "--new", "--create-container", p.state, p.source, url).mustExit(exitPermission).mustSay("was created and remains, empty").mustBeOneLine()
	})
	if left := c.Blobs("other"); len(left) > 0 {
		t.Errorf("blobs were left: %v", left)
	}
}

// What can be known before anything is made is told before.
func TestAnAddressForMetricsThatIsTakenLeavesEverythingAsItWas(t *testing.T) {
	for title, address := range map[string]string{"taken": takenAddress(t), "none": "nowhere"} {
		t.Run(title, func(t *testing.T) {
			p, point := newPlaces(t), mountPoint(t)
			target := "dir:" + p.blobs
			mustLeave(t, p.directory, func() {
				clfsload(t, "load", "--new", "--metrics-addr", address, p.state, p.source, target).mustExit(exitUsage).mustSay("--metrics-addr").mustBeOneLine()
				clfsload(t, "mount", "--metrics-addr", address, "--state", p.state, "--target", target, point).mustExit(exitUsage).mustBeOneLine()
				clfsload(t, "mount", "--daemon", "--log-file", filepath.Join(p.directory, "log"), "--metrics-addr", address, "--state", p.state, point).mustExit(exitUsage)
			})
			clfsload(t, "load", "--new", p.state, p.source, target).mustExit(exitOK)
			mustLeave(t, p.directory, func() {
				clfsload(t, "load", "--metrics-addr", address, p.state, p.source, target).mustExit(exitUsage).mustBeOneLine()
			})
		})
	}
}

func TestAMountThatTheSystemRefusesLeavesNothing(t *testing.T) {
	for title, flags := range map[string]func(directory string, c *meteredContainer) []string{
		"default STATE and container": func(string, *meteredContainer) []string { return nil },
		"named STATE": func(d string, _ *meteredContainer) []string {
			return []string{"--state", filepath.Join(d, "a", "b", "state")}
		},
		"empty STATE": func(d string, _ *meteredContainer) []string { return []string{"--state", filepath.Join(d, "empty")} },
		"directory": func(d string, _ *meteredContainer) []string {
			return []string{"--state", filepath.Join(d, "state"), "--target", "dir:" + filepath.Join(d, "container")}
		},
		"empty directory": func(d string, _ *meteredContainer) []string {
			return []string{"--state", filepath.Join(d, "state"), "--target", "dir:" + filepath.Join(d, "empty")}
		},
		"service": func(d string, c *meteredContainer) []string {
			return []string{"--state", filepath.Join(d, "state"), "--target", c.url}
		},
		"in the background": func(d string, _ *meteredContainer) []string {
			return []string{"--daemon", "--log-file", filepath.Join(d, "log")}
		},
		"read-only, in the background": func(_ string, _ *meteredContainer) []string {
			return []string{"--daemon", "--read-only", "--target", mountedGolden(t)}
		},
	} {
		t.Run(title, func(t *testing.T) {
			directory, point, c := t.TempDir(), mountPoint(t), newMeteredContainer(t)
			must(t, os.Mkdir(filepath.Join(directory, "empty"), 0o750))
			arguments := append(append([]string{"mount"}, flags(directory, c)...), point)
			mustLeave(t, directory, func() {
				command(t, arguments, withEnvironment("XDG_STATE_HOME="+filepath.Join(directory, "home")), withoutRightToMount).start().wait().mustExit(exitMountPoint)
			})
			if left := c.Blobs("container"); len(left) > 0 {
				t.Errorf("blobs were left: %v", left)
			}
		})
	}
}

// A STATE that has files which are not uploaded is none of a refused mount's business.
func TestARefusedMountLeavesItsSTATEAsItWas(t *testing.T) {
	i := newIntake(t)
	writeFile(t, i.path("file"), "contents")
	clfsload(t, "unmount", "--no-publish", i.point).mustExit(exitOK)
	i.await().mustExit(exitOK)
	other, point := filepath.Join(t.TempDir(), "other"), mountPoint(t)
	must(t, os.Mkdir(other, 0o755))
	for title, c := range map[string]struct {
		flags   []string
		options []option
		code    int
	}{
		"metrics":   {[]string{"--metrics-addr", takenAddress(t)}, nil, exitUsage},
		"container": {[]string{"--target", "dir:" + other}, nil, exitState},
		"kernel":    {nil, []option{withoutRightToMount}, exitMountPoint},
	} {
		t.Run(title, func(t *testing.T) {
			mustLeave(t, i.state, func() {
				command(t, append(append([]string{"mount", "--state", i.state}, c.flags...), point), c.options...).start().wait().mustExit(c.code)
			})
		})
	}
	t.Run("leased", func(t *testing.T) {
		blobs := strings.TrimPrefix(i.target, "dir:")
		names, err := filepath.Glob(filepath.Join(blobs, "00000063_*"))
		must(t, err)
		lock, err := os.Create(filepath.Join(blobs, ".lease."+filepath.Base(names[0])))
		must(t, err)
		defer os.Remove(lock.Name())
		defer lock.Close()
		must(t, unix.Flock(int(lock.Fd()), unix.LOCK_EX))
		mustLeave(t, i.state, func() { clfsload(t, "mount", "--state", i.state, point).mustExit(exitBusy).mustBeOneLine() })
	})
	i.again()
	i.endsPublished()
}

func TestCommandsThatAskARunningMountLeaveOneThatDoesNotRunAlone(t *testing.T) {
	i := newIntake(t)
	i.endsWell(unix.SIGTERM)
	for _, arguments := range [][]string{{"flush"}, {"publish"}, {"unmount"}, {"limit", "", "1M"}, {"status"}} {
		t.Run(arguments[0], func(t *testing.T) {
			line := append([]string{arguments[0], i.state}, arguments[min(2, len(arguments)):]...)
			mustLeave(t, filepath.Dir(i.state), func() { clfsload(t, line...) })
		})
	}
}

func TestAReadingCommandThatIsRefusedLeavesNothing(t *testing.T) {
	directory := t.TempDir()
	at := func(name string) string { return filepath.Join(directory, name) }
	writeFile(t, at("file"), "contents")
	writeFile(t, at("old-report"), "old")
	target := mountedGolden(t)
	home := withEnvironment("XDG_STATE_HOME=" + at("home"))
	for title, arguments := range map[string][]string{
		"export from nowhere":                  {"export", "dir:" + at("nothing"), at("dest")},
		"export of nothing":                    {"export", target, "/nothing", at("dest")},
		"export to a file":                     {"export", "--report", at("old-report"), target, at("file")},
		"export to a file, with a report":      {"export", "--report", at("report"), target, at("file")},
		"export with a report nowhere":         {"export", "--report", at("nothing/report"), target, at("dest")},
		"export without a place for databases": {"export", "--temp-dir", at("nothing"), target, at("dest")},
		"verify without a place for databases": {"verify", "--temp-dir", at("nothing"), target},
		"verify of nothing":                    {"verify", "dir:" + at("nothing")},
		"a mount of nothing":                   {"mount", "--read-only", "--daemon", "--target", "dir:" + at("nothing"), mountPoint(t)},
		"a mount of nothing, with a log":       {"mount", "--read-only", "--daemon", "--log-file", at("log"), "--target", "dir:" + at("nothing"), mountPoint(t)},
		"a dry run of nothing":                 {"load", "--dry-run", at("state"), at("nothing"), "dir:" + at("container")},
		"a dry run":                            {"load", "--dry-run", "--metrics-addr", "nowhere", at("state"), "/nothing", "dir:" + at("container")},
	} {
		t.Run(title, func(t *testing.T) {
			mustLeave(t, directory, func() {
				if r := command(t, arguments, home).start().wait(); r.code == exitOK {
					t.Errorf("it was not refused: %s", r.stdout)
				}
			})
		})
	}
}

// A directory that only looks like a STATE is somebody else's.
func TestWhatIsNoJournalIsLeftAsItWas(t *testing.T) {
	p, point := newPlaces(t), mountPoint(t)
	must(t, os.Mkdir(p.state, 0o755))
	writeFile(t, filepath.Join(p.state, "journal.sqlite"), "no journal")
	for _, arguments := range [][]string{
		{"load", p.state, p.source, "dir:" + p.blobs},
		{"mount", "--state", p.state, point},
		{"status", p.state}, {"flush", p.state}, {"unmount", p.state},
	} {
		t.Run(arguments[0], func(t *testing.T) {
			mustLeave(t, p.directory, func() {
				if clfsload(t, arguments...).mustSay("not a database").code == exitOK {
					t.Error("it was not refused")
				}
			})
		})
	}
}

// A disk that is too small for a journal.
func TestANewSTATEOnAFullDiskLeavesNothing(t *testing.T) {
	disk, p, point := smallDisk(t, "64k"), newPlaces(t), mountPoint(t)
	state := filepath.Join(disk, "state")
	for _, arguments := range [][]string{
		{"load", "--new", state, p.source, "dir:" + p.blobs},
		{"mount", "--state", state, "--target", "dir:" + p.blobs, point},
	} {
		t.Run(arguments[0], func(t *testing.T) {
			mustLeave(t, disk, func() {
				mustLeave(t, p.directory, func() { clfsload(t, arguments...).mustExit(exitNoSpace).mustBeOneLine() })
			})
		})
	}
}
