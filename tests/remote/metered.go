package remote

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
	"clfsload/tests/trees"
)

func MustNotBePublishedTo(t *testing.T, c *Metered) {
	t.Helper()
	for _, name := range c.Inventory().Names {
		if strings.HasPrefix(name, trees.RootPrefix) {
			t.Errorf("the container was published: it has %s", name)
		}
	}
}

const ForeignLease = "99999999-9999-4999-8999-999999999999"

// Do sends a request about the container, or a blob if path begins with a slash.
func (c *Metered) Do(t *testing.T, method, path string, headers map[string]string) (status int) {
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

// Lease does something with the lease of the bucket object.
func (c *Metered) Lease(t *testing.T, action string, headers ...string) (status int) {
	t.Helper()
	all := map[string]string{"x-ms-lease-action": action}
	for i := 0; i < len(headers); i += 2 {
		all[headers[i]] = headers[i+1]
	}
	return c.Do(t, http.MethodPut, "/"+trees.BucketBlob+"?comp=lease", all)
}

func (c *Metered) AcquireForeign(t *testing.T) (status int) {
	t.Helper()
	return c.Lease(t, "acquire", "x-ms-proposed-lease-id", ForeignLease, "x-ms-lease-duration", "60")
}

// MustNotBePublished wants a container without a root.
func (c *Metered) MustNotBePublished(t *testing.T) {
	t.Helper()
	root := clfs.NamePrefix(clfs.RootID)
	for name := range c.Blobs("container") {
		if strings.HasPrefix(name, root) {
			t.Errorf("the container has a root: %s", name)
		}
	}
}

// Metered is the only container of a blob service in memory that
// remembers each Put, and can act when a load has come to a certain one.
type Metered struct {
	*blobserver.Server
	URL string // of the container, with a SAS that lets everybody in

	mu    sync.Mutex
	puts  []Put
	Names map[string]int // blob -> how often it was put
	due   *Moment
	hold  func(name string) bool // Puts of such blobs get no answer
	onPut func(name string)      // is called before a blob is stored
}

// Put is one Put, in the order in which they came.
type Put struct {
	Name  string
	Bytes int64
}

// Moment is when a number of different blobs were put, since the beginning.
type Moment struct {
	Blobs  int
	Prefix string // of the name of the blob that is put then
	Stored bool   // after the last of them is in the container, otherwise before
	Act    func()
}

func NewMetered(t testing.TB) *Metered {
	t.Helper()
	c := &Metered{Server: blobserver.New(), Names: map[string]int{}}
	h := httptest.NewServer(c)
	c.Endpoint = h.URL + "/account"
	c.URL = c.NewContainer("container") + "?sig=any"
	t.Cleanup(h.Close)
	t.Cleanup(c.Release)
	return c
}

// ServeHTTP implements http.Handler.
func (c *Metered) ServeHTTP(w http.ResponseWriter, r *http.Request) {
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
	if due != nil && !due.Stored {
		due.Act()
		return
	}
	c.Server.ServeHTTP(w, r)
	if due != nil && due.Stored {
		due.Act()
	}
}

// note counts a request, and returns what is to happen with it.
func (c *Metered) note(name string, bytes int64, isPut bool) (due *Moment, hold bool, onPut func(string)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if isPut {
		c.puts = append(c.puts, Put{Name: name, Bytes: bytes})
		c.Names[name]++
		hold = c.hold != nil && c.hold(name)
		onPut = c.onPut
	}
	if c.due != nil && len(c.Names) >= c.due.Blobs && strings.HasPrefix(name, c.due.Prefix) {
		due, c.due = c.due, nil
	}
	return due, hold, onPut
}

// HoldBack leaves the Puts of some blobs without an answer; nil: of none.
func (c *Metered) HoldBack(hold func(name string) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hold = hold
}

// Before calls do before each Put; nil: nothing.
func (c *Metered) Before(do func(name string)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.onPut = do
}

// Await sets the next moment.
func (c *Metered) Await(m Moment) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.due = &m
}

// Seen is how many different blobs were put.
func (c *Metered) Seen() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.Names)
}

// Taken returns the Puts since it was called last.
func (c *Metered) Taken() []Put {
	c.mu.Lock()
	defer c.mu.Unlock()
	puts := c.puts
	c.puts = nil
	return puts
}

// Inventory lists what the container holds, read without the package that wrote it.
func (c *Metered) Inventory() inventory.Blobs {
	contents := c.Blobs("container")
	blobs := inventory.Blobs{Get: func(name string) ([]byte, error) { return bytes.Clone(contents[name]), nil }}
	for name := range contents {
		blobs.Names = append(blobs.Names, name)
	}
	return blobs
}

// Into is the command line that loads source into the container; flags may hold --new.
func (c *Metered) Into(state, source string, flags ...string) []string {
	return append([]string{"load", state, source, c.URL}, flags...)
}
