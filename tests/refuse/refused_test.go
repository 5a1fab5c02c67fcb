package refuse

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
	"clfsload/tests/harness"
	"clfsload/tests/mounted"
	"clfsload/tests/remote"
	"clfsload/tests/trees"
)

// takenAddress is one that somebody listens on.
func takenAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	harness.Must(t, err)
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
			p, c := harness.NewPlaces(t), remote.NewMetered(t)
			c.Fail(fault)
			trees.MustLeave(t, p.Directory, func() {
				if r := harness.Clfsload(t, c.Into(p.State, p.Source, "--new")...).MustBeOneLine(); r.Code == harness.ExitOK {
					t.Error("the load was not refused")
				}
			})
			if left := c.Blobs("container"); len(left) > 0 {
				t.Errorf("blobs were left: %v", left)
			}
			c.Mend()
			harness.Clfsload(t, c.Into(p.State, p.Source, "--new")...).MustExit(harness.ExitOK)
		})
	}
}

func TestANewMountThatTheServiceRefusesLeavesNothing(t *testing.T) {
	for what, fault := range refusingServices {
		t.Run(what, func(t *testing.T) {
			directory, point, c := t.TempDir(), mounted.Point(t), remote.NewMetered(t)
			c.Fail(fault)
			trees.MustLeave(t, directory, func() {
				r := harness.Clfsload(t, "mount", "--state", filepath.Join(directory, "a", "b", "state"), "--target", c.URL, point).MustBeOneLine()
				if r.Code == harness.ExitOK {
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
			places, name := harness.NewPlaces(t), server.NewContainer(t)
			target := server.ContainerURL(name) + "?" + server.SASFor(t, name, p, time.Now().Add(time.Hour))
			trees.MustLeave(t, places.Directory, func() {
				harness.Clfsload(t, "load", "--new", places.State, places.Source, target).MustExit(harness.ExitPermission).MustBeOneLine()
			})
			if names := remote.ServiceNames(t, remote.ServiceClient(t, server, name)); len(names) > 0 {
				t.Errorf("blobs were left: %q", names)
			}
		})
	}
}

// A container that was made for a refused load is empty, and said to be there.
func TestARefusedLoadSaysThatItHasMadeTheContainer(t *testing.T) {
	p, c := harness.NewPlaces(t), remote.NewMetered(t)
	url := strings.Replace(c.URL, "/container?", "/other?", 1)
	c.Fail(forbidden("Lease"))
	trees.MustLeave(t, p.Directory, func() {
		harness.Clfsload(t, "load", "--new", "--create-container", p.State, p.Source, url).MustExit(harness.ExitPermission).MustSay("was created and remains, empty").MustBeOneLine()
	})
	if left := c.Blobs("other"); len(left) > 0 {
		t.Errorf("blobs were left: %v", left)
	}
}

// What can be known before anything is made is told before.
func TestAnAddressForMetricsThatIsTakenLeavesEverythingAsItWas(t *testing.T) {
	for title, address := range map[string]string{"taken": takenAddress(t), "none": "nowhere"} {
		t.Run(title, func(t *testing.T) {
			p, point := harness.NewPlaces(t), mounted.Point(t)
			target := "dir:" + p.Blobs
			trees.MustLeave(t, p.Directory, func() {
				harness.Clfsload(t, "load", "--new", "--metrics-addr", address, p.State, p.Source, target).MustExit(harness.ExitUsage).MustSay("--metrics-addr").MustBeOneLine()
				harness.Clfsload(t, "mount", "--metrics-addr", address, "--state", p.State, "--target", target, point).MustExit(harness.ExitUsage).MustBeOneLine()
				harness.Clfsload(t, "mount", "--daemon", "--log-file", filepath.Join(p.Directory, "log"), "--metrics-addr", address, "--state", p.State, point).MustExit(harness.ExitUsage)
			})
			harness.Clfsload(t, "load", "--new", p.State, p.Source, target).MustExit(harness.ExitOK)
			trees.MustLeave(t, p.Directory, func() {
				harness.Clfsload(t, "load", "--metrics-addr", address, p.State, p.Source, target).MustExit(harness.ExitUsage).MustBeOneLine()
			})
		})
	}
}

func TestAMountThatTheSystemRefusesLeavesNothing(t *testing.T) {
	for title, flags := range map[string]func(directory string, c *remote.Metered) []string{
		"default STATE and container": func(string, *remote.Metered) []string { return nil },
		"named STATE": func(d string, _ *remote.Metered) []string {
			return []string{"--state", filepath.Join(d, "a", "b", "state")}
		},
		"empty STATE": func(d string, _ *remote.Metered) []string { return []string{"--state", filepath.Join(d, "empty")} },
		"directory": func(d string, _ *remote.Metered) []string {
			return []string{"--state", filepath.Join(d, "state"), "--target", "dir:" + filepath.Join(d, "container")}
		},
		"empty directory": func(d string, _ *remote.Metered) []string {
			return []string{"--state", filepath.Join(d, "state"), "--target", "dir:" + filepath.Join(d, "empty")}
		},
		"service": func(d string, c *remote.Metered) []string {
			return []string{"--state", filepath.Join(d, "state"), "--target", c.URL}
		},
		"in the background": func(d string, _ *remote.Metered) []string {
			return []string{"--daemon", "--log-file", filepath.Join(d, "log")}
		},
		"read-only, in the background": func(_ string, _ *remote.Metered) []string {
			return []string{"--daemon", "--read-only", "--target", trees.MountedGolden(t)}
		},
	} {
		t.Run(title, func(t *testing.T) {
			directory, point, c := t.TempDir(), mounted.Point(t), remote.NewMetered(t)
			harness.Must(t, os.Mkdir(filepath.Join(directory, "empty"), 0o750))
			arguments := append(append([]string{"mount"}, flags(directory, c)...), point)
			trees.MustLeave(t, directory, func() {
				harness.Command(t, arguments, harness.WithEnvironment("XDG_STATE_HOME="+filepath.Join(directory, "home")), withoutRightToMount).Start().Wait().MustExit(harness.ExitMountPoint)
			})
			if left := c.Blobs("container"); len(left) > 0 {
				t.Errorf("blobs were left: %v", left)
			}
		})
	}
}

// A STATE that has files which are not uploaded is none of a refused mount's business.
func TestARefusedMountLeavesItsSTATEAsItWas(t *testing.T) {
	i := mounted.NewIntake(t)
	harness.WriteFile(t, i.Path("file"), "contents")
	harness.Clfsload(t, "unmount", "--no-publish", i.Point).MustExit(harness.ExitOK)
	i.Await().MustExit(harness.ExitOK)
	other, point := filepath.Join(t.TempDir(), "other"), mounted.Point(t)
	harness.Must(t, os.Mkdir(other, 0o755))
	for title, c := range map[string]struct {
		flags   []string
		options []harness.Option
		code    int
	}{
		"metrics":   {[]string{"--metrics-addr", takenAddress(t)}, nil, harness.ExitUsage},
		"container": {[]string{"--target", "dir:" + other}, nil, harness.ExitState},
		"kernel":    {nil, []harness.Option{withoutRightToMount}, harness.ExitMountPoint},
	} {
		t.Run(title, func(t *testing.T) {
			trees.MustLeave(t, i.State, func() {
				harness.Command(t, append(append([]string{"mount", "--state", i.State}, c.flags...), point), c.options...).Start().Wait().MustExit(c.code)
			})
		})
	}
	t.Run("leased", func(t *testing.T) {
		blobs := strings.TrimPrefix(i.Target, "dir:")
		names, err := filepath.Glob(filepath.Join(blobs, "00000063_*"))
		harness.Must(t, err)
		lock, err := os.Create(filepath.Join(blobs, ".lease."+filepath.Base(names[0])))
		harness.Must(t, err)
		defer os.Remove(lock.Name())
		defer lock.Close()
		harness.Must(t, unix.Flock(int(lock.Fd()), unix.LOCK_EX))
		trees.MustLeave(t, i.State, func() {
			harness.Clfsload(t, "mount", "--state", i.State, point).MustExit(harness.ExitBusy).MustBeOneLine()
		})
	})
	i.Again()
	i.EndsPublished()
}

func TestCommandsThatAskARunningMountLeaveOneThatDoesNotRunAlone(t *testing.T) {
	i := mounted.NewIntake(t)
	i.EndsWell(unix.SIGTERM)
	for _, arguments := range [][]string{{"flush"}, {"publish"}, {"unmount"}, {"limit", "", "1M"}, {"status"}} {
		t.Run(arguments[0], func(t *testing.T) {
			line := append([]string{arguments[0], i.State}, arguments[min(2, len(arguments)):]...)
			trees.MustLeave(t, filepath.Dir(i.State), func() { harness.Clfsload(t, line...) })
		})
	}
}

func TestAReadingCommandThatIsRefusedLeavesNothing(t *testing.T) {
	directory := t.TempDir()
	at := func(name string) string { return filepath.Join(directory, name) }
	harness.WriteFile(t, at("file"), "contents")
	harness.WriteFile(t, at("old-report"), "old")
	target := trees.MountedGolden(t)
	home := harness.WithEnvironment("XDG_STATE_HOME=" + at("home"))
	for title, arguments := range map[string][]string{
		"export from nowhere":                  {"export", "dir:" + at("nothing"), at("dest")},
		"export of nothing":                    {"export", target, "/nothing", at("dest")},
		"export to a file":                     {"export", "--report", at("old-report"), target, at("file")},
		"export to a file, with a report":      {"export", "--report", at("report"), target, at("file")},
		"export with a report nowhere":         {"export", "--report", at("nothing/report"), target, at("dest")},
		"export without a place for databases": {"export", "--temp-dir", at("nothing"), target, at("dest")},
		"verify without a place for databases": {"verify", "--temp-dir", at("nothing"), target},
		"verify of nothing":                    {"verify", "dir:" + at("nothing")},
		"a mount of nothing":                   {"mount", "--read-only", "--daemon", "--target", "dir:" + at("nothing"), mounted.Point(t)},
		"a mount of nothing, with a log":       {"mount", "--read-only", "--daemon", "--log-file", at("log"), "--target", "dir:" + at("nothing"), mounted.Point(t)},
		"a dry run of nothing":                 {"load", "--dry-run", at("state"), at("nothing"), "dir:" + at("container")},
		"a dry run":                            {"load", "--dry-run", "--metrics-addr", "nowhere", at("state"), "/nothing", "dir:" + at("container")},
	} {
		t.Run(title, func(t *testing.T) {
			trees.MustLeave(t, directory, func() {
				if r := harness.Command(t, arguments, home).Start().Wait(); r.Code == harness.ExitOK {
					t.Errorf("it was not refused: %s", r.Stdout)
				}
			})
		})
	}
}

// A directory that only looks like a STATE is somebody else's.
func TestWhatIsNoJournalIsLeftAsItWas(t *testing.T) {
	p, point := harness.NewPlaces(t), mounted.Point(t)
	harness.Must(t, os.Mkdir(p.State, 0o755))
	harness.WriteFile(t, filepath.Join(p.State, "journal.sqlite"), "no journal")
	for _, arguments := range [][]string{
		{"load", p.State, p.Source, "dir:" + p.Blobs},
		{"mount", "--state", p.State, point},
		{"status", p.State}, {"flush", p.State}, {"unmount", p.State},
	} {
		t.Run(arguments[0], func(t *testing.T) {
			trees.MustLeave(t, p.Directory, func() {
				if harness.Clfsload(t, arguments...).MustSay("not a database").Code == harness.ExitOK {
					t.Error("it was not refused")
				}
			})
		})
	}
}

// A disk that is too small for a journal.
func TestANewSTATEOnAFullDiskLeavesNothing(t *testing.T) {
	disk, p, point := harness.SmallDisk(t, "64k"), harness.NewPlaces(t), mounted.Point(t)
	state := filepath.Join(disk, "state")
	for _, arguments := range [][]string{
		{"load", "--new", state, p.Source, "dir:" + p.Blobs},
		{"mount", "--state", state, "--target", "dir:" + p.Blobs, point},
	} {
		t.Run(arguments[0], func(t *testing.T) {
			trees.MustLeave(t, disk, func() {
				trees.MustLeave(t, p.Directory, func() { harness.Clfsload(t, arguments...).MustExit(harness.ExitNoSpace).MustBeOneLine() })
			})
		})
	}
}
