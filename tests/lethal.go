package tests

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// lethalContainer counts the requests to a container, and can act before or after one of them.
type lethalContainer struct {
	*meteredContainer
	mu    sync.Mutex
	due   dueRequest
	http  *httptest.Server
	alive sync.RWMutex // held for reading by those who answer a request
}

// dueRequest is the request that is acted at.
type dueRequest struct {
	left    int // how many counted requests come before it, and itself
	counted func(*http.Request) bool
	after   bool
	act     func(*http.Request)
}

// at has act called with the nth change from now, before or after it has happened.
func (c *lethalContainer) at(n int, after bool, act func()) {
	c.atRequest(n, after, isChange, func(*http.Request) { act() })
}

// atRequest is at for the requests that are counted.
func (c *lethalContainer) atRequest(n int, after bool, counted func(*http.Request) bool, act func(*http.Request)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.due = dueRequest{left: n, counted: counted, after: after, act: act}
}

// left is how many of the requests that are counted have not come yet.
func (c *lethalContainer) left() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.due.left
}

// isChange reports whether a request puts or deletes a blob.
func isChange(r *http.Request) bool {
	isBlob := strings.HasPrefix(r.URL.Path, "/account/container/")
	return isBlob && (r.Method == http.MethodPut || r.Method == http.MethodDelete) && r.URL.Query().Get("comp") == ""
}

// bury waits until nothing is under way that a process has asked for which is dead:
// or it might be done when the next one has long gone on.
func (c *lethalContainer) bury() {
	c.at(0, false, nil)
	c.http.CloseClientConnections()
	c.alive.Lock()
	defer c.alive.Unlock()
}

// next counts a request, and returns what is to be done with it.
func (c *lethalContainer) next(r *http.Request) (act func(*http.Request), after bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.due.left == 0 || !c.due.counted(r) {
		return nil, false
	}
	if c.due.left--; c.due.left == 0 {
		return c.due.act, c.due.after
	}
	return nil, false
}

// ServeHTTP implements http.Handler.
func (c *lethalContainer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.alive.RLock()
	defer c.alive.RUnlock()
	act, after := c.next(r)
	if act != nil && !after {
		act(r)
		return
	}
	c.meteredContainer.ServeHTTP(w, r)
	if act != nil {
		act(r)
	}
}

func newLethalContainer(t *testing.T) *lethalContainer {
	t.Helper()
	c := &lethalContainer{meteredContainer: newMeteredContainer(t)}
	c.http = httptest.NewServer(c)
	c.url = c.http.URL + "/account/container?sig=any"
	t.Cleanup(c.http.Close)
	return c
}
