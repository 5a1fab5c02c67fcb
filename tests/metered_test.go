package tests

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"clfsload/tests/blobserver"
	"clfsload/tests/inventory"
)

// meteredContainer is the only container of a blob service in memory that
// remembers each Put, and can act when a load has come to a certain one.
type meteredContainer struct {
	*blobserver.Server
	url string // of the container, with a SAS that lets everybody in

	mu    sync.Mutex
	puts  []metered
	names map[string]int // blob -> how often it was put
	due   *moment
	hold  func(name string) bool // Puts of such blobs get no answer
	onPut func(name string)      // is called before a blob is stored
}

// metered is one Put, in the order in which they came.
type metered struct {
	name  string
	bytes int64
}

// moment is when a number of different blobs were put, since the beginning.
type moment struct {
	blobs  int
	prefix string // of the name of the blob that is put then
	stored bool   // after the last of them is in the container, otherwise before
	act    func()
}

func newMeteredContainer(t testing.TB) *meteredContainer {
	t.Helper()
	c := &meteredContainer{Server: blobserver.New(), names: map[string]int{}}
	h := httptest.NewServer(c)
	c.Endpoint = h.URL + "/account"
	c.url = c.NewContainer("container") + "?sig=any"
	t.Cleanup(h.Close)
	t.Cleanup(c.Release)
	return c
}

// ServeHTTP implements http.Handler.
func (c *meteredContainer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, isBlob := strings.CutPrefix(r.URL.Path, "/account/container/")
	isPut := isBlob && r.Method == http.MethodPut && r.URL.Query().Get("comp") == ""
	due, hold, onPut := c.note(name, r.ContentLength, isPut)
	if hold {
		_, _ = io.Copy(io.Discard, r.Body) // else it is not noticed when the client is gone
		<-r.Context().Done()
		return
	}
	if onPut != nil {
		onPut(name)
	}
	if due != nil && !due.stored {
		due.act()
		return
	}
	c.Server.ServeHTTP(w, r)
	if due != nil && due.stored {
		due.act()
	}
}

// note counts a request, and returns what is to happen with it.
func (c *meteredContainer) note(name string, bytes int64, isPut bool) (due *moment, hold bool, onPut func(string)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if isPut {
		c.puts = append(c.puts, metered{name: name, bytes: bytes})
		c.names[name]++
		hold = c.hold != nil && c.hold(name)
		onPut = c.onPut
	}
	if c.due != nil && len(c.names) >= c.due.blobs && strings.HasPrefix(name, c.due.prefix) {
		due, c.due = c.due, nil
	}
	return due, hold, onPut
}

// holdBack leaves the Puts of some blobs without an answer; nil: of none.
func (c *meteredContainer) holdBack(hold func(name string) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hold = hold
}

// before calls do before each Put; nil: nothing.
func (c *meteredContainer) before(do func(name string)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.onPut = do
}

// await sets the next moment.
func (c *meteredContainer) await(m moment) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.due = &m
}

// seen is how many different blobs were put.
func (c *meteredContainer) seen() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.names)
}

// taken returns the Puts since it was called last.
func (c *meteredContainer) taken() []metered {
	c.mu.Lock()
	defer c.mu.Unlock()
	puts := c.puts
	c.puts = nil
	return puts
}

// inventory lists what the container holds, read without the package that wrote it.
func (c *meteredContainer) inventory() inventory.Blobs {
	contents := c.Blobs("container")
	blobs := inventory.Blobs{Get: func(name string) ([]byte, error) { return bytes.Clone(contents[name]), nil }}
	for name := range contents {
		blobs.Names = append(blobs.Names, name)
	}
	return blobs
}

// into is the command line that loads source into the container; flags may hold --new.
func (c *meteredContainer) into(state, source string, flags ...string) []string {
	return append([]string{"load", state, source, c.url}, flags...)
}

func sizeOf(puts []metered) (bytes int64) {
	for _, p := range puts {
		bytes += p.bytes
	}
	return bytes
}
