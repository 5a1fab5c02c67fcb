package tests

import (
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"clfsload/tests/blobserver"
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
	return &away{target, func() { must(t, os.Rename(path, path+"-away")) }, func() { must(t, os.Rename(path+"-away", path)) }, exitNoContainer}
}

// serviceAway is a container whose service ends, and begins again at the same address.
func serviceAway(t *testing.T) *away {
	blobs := blobserver.New()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
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
		must(t, err)
		serve(listener)
	}, exitUnreachable}
	clfsload(t, "load", filepath.Join(t.TempDir(), "state"), modestTree(t), a.target, "--new").mustExit(exitOK)
	return a
}

// heldContainer is a container that another mount holds.
func heldContainer(t *testing.T) *away {
	target := built(t, smallContainer(t))
	other := &intake{t: t, state: filepath.Join(t.TempDir(), "state"), target: target}
	return &away{target, func() { other.mount = mountWith(t, mountPoint(t), other.flags(nil)) }, func() { other.unmounted() }, exitBusy}
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
			i := newIntakeInto(t, a.target, "--settle", "1h")
			change := func() { writeFile(t, i.path("new"), "new") }
			if c.fits {
				change()
				clfsload(t, "unmount", "--no-publish", i.point).mustExit(exitOK)
				i.await().mustExit(exitOK)
			} else {
				overtaken(t, i, change)
			}
			flags := append(c.flags, "--take-over")
			a.goes()
			before := bytesOf(t, filepath.Dir(i.state))
			clfsload(t, append(append([]string{"mount"}, i.flags(flags)...), i.point)...).mustExit(a.code).mustNotPanic()
			if isMounted(t, i.point) {
				t.Fatal("it is mounted")
			}
			after := bytesOf(t, filepath.Dir(i.state))
			reportLines(t, "what was there is gone or changed", linesWithout(before, after))
			reportLines(t, "what is there was not there before", linesWithout(after, before))
			a.back()
			i.again(flags...)
			at := i.path("new")
			if !c.fits {
				at = filepath.Join(keptBy(t, i.state), "files", "new")
			}
			if got := readText(t, at); got != "new" {
				t.Errorf("what was not published is %q", got)
			}
			i.unmounted()
		})
	}
}
