package adopt

import (
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"clfsload/tests/blobserver"
	"clfsload/tests/harness"
	"clfsload/tests/mounted"
	"clfsload/tests/trees"
)

// away is a container that can be put out of reach.
type away struct {
	target     string
	goes, back func()
	code       int // with which commands end meanwhile
}

// directoryAway is a container in a directory that is renamed.
func directoryAway(t *testing.T) *away {
	target := built(t, smallContainer(t))
	path := strings.TrimPrefix(target, "dir:")
	return &away{target, func() { harness.Must(t, os.Rename(path, path+"-away")) }, func() { harness.Must(t, os.Rename(path+"-away", path)) }, harness.ExitNoContainer}
}

// serviceAway is a container whose service ends, and begins again at the same address.
func serviceAway(t *testing.T) *away {
	blobs := blobserver.New()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	harness.Must(t, err)
	address := listener.Addr().String()
	blobs.Endpoint = "http://" + address + "/account"
	var service *httptest.Server
	serve := func(l net.Listener) {
		service = &httptest.Server{Listener: l, Config: &http.Server{Handler: blobs}}
		service.Start()
	}
	serve(listener)
	t.Cleanup(func() { service.Close() })
	a := &away{blobs.NewContainer("container") + "?sig=any", func() { service.Close() }, func() {
		listener, err := net.Listen("tcp", address)
		harness.Must(t, err)
		serve(listener)
	}, harness.ExitUnreachable}
	harness.Clfsload(t, "load", filepath.Join(t.TempDir(), "state"), trees.ModestTree(t), a.target, "--new").MustExit(harness.ExitOK)
	return a
}

// heldContainer is a container that another mount holds.
func heldContainer(t *testing.T) *away {
	target := built(t, smallContainer(t))
	other := &mounted.Intake{T: t, State: filepath.Join(t.TempDir(), "state"), Target: target}
	return &away{target, func() { other.Mount = mounted.With(t, mounted.Point(t), other.Flags(nil)) }, func() { other.Unmounted() }, harness.ExitBusy}
}

// Whether a STATE fits a container cannot be known while the container is away, and a busy container
// cannot be adopted: the command gives nothing up. Repeated later, it continues with the STATE or takes over.
func TestATakeOverOfAContainerThatIsAwayChangesNothing(t *testing.T) {
	for name, c := range map[string]struct {
		newAway func(*testing.T) *away
		fits    bool // STATE fits the container
		flags   []string
	}{
		"directory":             {directoryAway, true, nil},
		"directory, overtaken":  {directoryAway, false, nil},
		"service":               {serviceAway, true, []string{"--retry-for", "200ms"}}, // less than a start waits
		"service, overtaken":    {serviceAway, false, nil},
		"held by another mount": {heldContainer, false, nil},
	} {
		t.Run(name, func(t *testing.T) {
			a := c.newAway(t)
			i := mounted.NewIntakeInto(t, a.target, "--settle", "1h")
			change := func() { harness.WriteFile(t, i.Path("new"), "new") }
			if c.fits {
				change()
				harness.Clfsload(t, "unmount", "--no-publish", i.Point).MustExit(harness.ExitOK)
				i.Await().MustExit(harness.ExitOK)
			} else {
				overtaken(t, i, change)
			}
			flags := append(c.flags, "--take-over")
			a.goes()
			before := harness.BytesOf(t, filepath.Dir(i.State))
			harness.Clfsload(t, append(append([]string{"mount"}, i.Flags(flags)...), i.Point)...).MustExit(a.code).MustNotPanic()
			if mounted.At(t, i.Point) {
				t.Fatal("it is mounted")
			}
			after := harness.BytesOf(t, filepath.Dir(i.State))
			trees.ReportLines(t, "what was there is gone or changed", harness.LinesWithout(before, after))
			trees.ReportLines(t, "what is there was not there before", harness.LinesWithout(after, before))
			a.back()
			i.Again(flags...)
			at := i.Path("new")
			if !c.fits {
				at = filepath.Join(keptBy(t, i.State), "files", "new")
			}
			if got := harness.ReadText(t, at); got != "new" {
				t.Errorf("what was not published is %q", got)
			}
			i.Unmounted()
		})
	}
}
