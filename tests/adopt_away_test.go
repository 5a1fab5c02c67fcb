package tests

import (
	"fmt"
	"io/fs"
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

// bytesOf are all files of a directory that is not in use, but for logs and the number of the process that
// has locked it last.
func bytesOf(t *testing.T, directory string) (lines []string) {
	t.Helper()
	must(t, filepath.WalkDir(directory, func(path string, d fs.DirEntry, err error) error {
		if err != nil || strings.HasSuffix(path, ".log") || d.Name() == "lock" {
			return err
		}
		info, err := d.Info()
		must(t, err)
		data := []byte{}
		if d.Type().IsRegular() {
			data, err = os.ReadFile(path)
			must(t, err)
		}
		lines = append(lines, fmt.Sprintf("%s %s %x", info.Mode(), path, data))
		return nil
	}))
	return lines
}

// Whether a STATE fits a container cannot be known while that is away: nothing is given up then. Once it
// is back, the same command goes on with the STATE, or takes over.
func TestATakeOverOfAContainerThatIsAwayChangesNothing(t *testing.T) {
	for name, newAway := range map[string]func(*testing.T) *away{"directory": directoryAway, "service": serviceAway} {
		for _, fits := range []bool{true, false} {
			t.Run(fmt.Sprint(name, ", STATE fits ", fits), func(t *testing.T) {
				a := newAway(t)
				i := newIntakeInto(t, a.target, "--settle", "1h")
				change := func() { writeFile(t, i.path("new"), "new") }
				if fits {
					change()
					clfsload(t, "unmount", "--no-publish", i.point).mustExit(exitOK)
					i.await().mustExit(exitOK)
				} else {
					overtaken(t, i, change)
				}
				flags := []string{"--take-over"}
				if fits {
					flags = append(flags, "--retry-for", "200ms") // less than it would wait
				}
				a.goes()
				beside := filepath.Dir(i.state)
				before := bytesOf(t, beside)
				clfsload(t, append(append([]string{"mount"}, i.flags(flags)...), i.point)...).mustExit(a.code).mustBeOneLine().mustNotPanic()
				if isMounted(t, i.point) {
					t.Fatal("it is mounted")
				}
				after := bytesOf(t, beside)
				reportLines(t, "what was there is gone or changed", linesWithout(before, after))
				reportLines(t, "what is there was not there before", linesWithout(after, before))
				a.back()
				i.again(flags...)
				at := i.path("new")
				if !fits {
					at = filepath.Join(keptBy(t, i.state), "files", "new")
				}
				if got := readText(t, at); got != "new" {
					t.Errorf("what was not published is %q", got)
				}
				i.unmounted()
			})
		}
	}
}
