package tests

import (
	"bytes"
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
}

// metered is one Put, in the order in which they came.
type metered struct {
	name  string
	bytes int64
}

// moment is when a number of different blobs were put, since the beginning.
type moment struct {
	blobs  int
	stored bool // after the last of them is in the container, otherwise before
	act    func()
}

func newMeteredContainer(t *testing.T) *meteredContainer {
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
	due := c.note(name, r.ContentLength, isBlob && r.Method == http.MethodPut && r.URL.Query().Get("comp") == "")
	if due != nil && !due.stored {
		due.act()
		return
	}
	c.Server.ServeHTTP(w, r)
	if due != nil && due.stored {
		due.act()
	}
}

// note counts a request, and returns the moment that has come with it.
func (c *meteredContainer) note(name string, bytes int64, isPut bool) *moment {
	c.mu.Lock()
	defer c.mu.Unlock()
	if isPut {
		c.puts = append(c.puts, metered{name, bytes})
		c.names[name]++
	}
	if c.due == nil || len(c.names) < c.due.blobs {
		return nil
	}
	due := c.due
	c.due = nil
	return due
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
