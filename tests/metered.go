package tests

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"clfsload/clfs"
	"clfsload/tests/blobserver"
	"clfsload/tests/inventory"
)

func mustNotBePublishedTo(t *testing.T, c *meteredContainer) {
	t.Helper()
	for _, name := range c.inventory().Names {
		if strings.HasPrefix(name, rootPrefix) {
			t.Errorf("the container was published: it has %s", name)
		}
	}
}

const foreignLease = "99999999-9999-4999-8999-999999999999"

// do sends a request about the container, or a blob if path begins with a slash.
func (c *meteredContainer) do(t *testing.T, method, path string, headers map[string]string) (status int) {
	t.Helper()
	// Not t.Context(): some are sent when the test ends.
	r, err := http.NewRequest(method, c.Endpoint+"/container"+path, nil)
	if err != nil {
		t.Error(err)
		return 0
	}
	r.URL.RawQuery += "&sig=any"
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Error(err)
		return 0
	}
	answer.Body.Close()
	return answer.StatusCode
}

// lease does something with the lease of the bucket object.
func (c *meteredContainer) lease(t *testing.T, action string, headers ...string) (status int) {
	t.Helper()
	all := map[string]string{"x-ms-lease-action": action}
	for i := 0; i < len(headers); i += 2 {
		all[headers[i]] = headers[i+1]
	}
	return c.do(t, http.MethodPut, "/"+bucketBlob+"?comp=lease", all)
}

func (c *meteredContainer) acquireForeign(t *testing.T) (status int) {
	t.Helper()
	return c.lease(t, "acquire", "x-ms-proposed-lease-id", foreignLease, "x-ms-lease-duration", "60")
}

// mustNotBePublished wants a container without a root.
func (c *meteredContainer) mustNotBePublished(t *testing.T) {
	t.Helper()
	root := clfs.NamePrefix(clfs.RootID)
	for name := range c.Blobs("container") {
		if strings.HasPrefix(name, root) {
			t.Errorf("the container has a root: %s", name)
		}
	}
}

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
