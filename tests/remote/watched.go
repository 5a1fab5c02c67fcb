package remote

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"clfsload/sync/tree/treetest"
	"clfsload/tests/harness"
)

// Watched remembers what was listed.
type Watched struct {
	*Metered
	mu       sync.Mutex
	listings []string // queries
}

// ServeHTTP implements http.Handler.
func (c *Watched) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if q := r.URL.Query(); q.Get("comp") == "list" {
		c.mu.Lock()
		c.listings = append(c.listings, r.URL.RawQuery)
		c.mu.Unlock()
	}
	c.Metered.ServeHTTP(w, r)
}

// WideContainer is a container of directories with as many files in each, which answers late.
func WideContainer(t *testing.T, directories, files int, latency time.Duration) *Watched {
	t.Helper()
	c := &Watched{Metered: NewMetered(t)}
	h := httptest.NewServer(c)
	t.Cleanup(h.Close)
	c.URL = h.URL + "/account/container?sig=any"
	b := treetest.New(t)
	for d := range directories {
		dir := b.Root.Dir(fmt.Sprintf("directory-%06d", d))
		for f := range files {
			dir.File(fmt.Sprintf("file-%06d", f), []byte("text"))
		}
	}
	b.Finish()
	b.Container.Each(func(name string, data []byte) { c.Seed("container", name, data) })
	c.SetLatency(latency)
	return c
}

// Requests counts what the service was asked for meanwhile.
func (c *Watched) Requests(do func()) map[string]int {
	before := c.Counts().Requests
	do()
	counts := maps.Clone(c.Counts().Requests)
	for operation, n := range before {
		counts[operation] -= n
	}
	return counts
}

// MustNotListAll wants each listing to be of one object, but for two looks whether there is
// anything, each of which is a page.
func (c *Watched) MustNotListAll(t *testing.T) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	var whole []string
	pages := 0
	for _, text := range c.listings {
		q, err := url.ParseQuery(text)
		harness.Must(t, err)
		if len(q.Get("prefix")) < len("00000063_") {
			whole = append(whole, text)
		}
		if q.Has("marker") {
			pages++
		}
	}
	if len(whole) > 2 || pages > 0 {
		t.Errorf("%d of %d listings were of all blobs: %q", len(whole), len(c.listings), whole)
	}
}
