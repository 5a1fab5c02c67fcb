package remote

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// Lethal counts the requests to a container, and can act before or after one of them.
type Lethal struct {
	*Metered
	Mu    sync.Mutex
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

// At has act called with the nth change from now, before or after it has happened.
func (c *Lethal) At(n int, after bool, act func()) {
	c.AtRequest(n, after, IsChange, func(*http.Request) { act() })
}

// AtRequest is at for the requests that are counted.
func (c *Lethal) AtRequest(n int, after bool, counted func(*http.Request) bool, act func(*http.Request)) {
	c.Mu.Lock()
	defer c.Mu.Unlock()
	c.due = dueRequest{left: n, counted: counted, after: after, act: act}
}

// Left is how many of the requests that are counted have not come yet.
func (c *Lethal) Left() int {
	c.Mu.Lock()
	defer c.Mu.Unlock()
	return c.due.left
}

// IsChange reports whether a request puts or deletes a blob.
func IsChange(r *http.Request) bool {
	isBlob := strings.HasPrefix(r.URL.Path, "/account/container/")
	return isBlob && (r.Method == http.MethodPut || r.Method == http.MethodDelete) && r.URL.Query().Get("comp") == ""
}

// Bury waits until nothing is under way that a process has asked for which is dead:
// or it might be done when the next one has long gone on.
func (c *Lethal) Bury() {
	c.At(0, false, nil)
	c.http.CloseClientConnections()
	c.alive.Lock()
	defer c.alive.Unlock()
}

// next counts a request, and returns what is to be done with it.
func (c *Lethal) next(r *http.Request) (act func(*http.Request), after bool) {
	c.Mu.Lock()
	defer c.Mu.Unlock()
	if c.due.left == 0 || !c.due.counted(r) {
		return nil, false
	}
	if c.due.left--; c.due.left == 0 {
		return c.due.act, c.due.after
	}
	return nil, false
}

// ServeHTTP implements http.Handler.
func (c *Lethal) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.alive.RLock()
	defer c.alive.RUnlock()
	act, after := c.next(r)
	if act != nil && !after {
		act(r)
		return
	}
	c.Metered.ServeHTTP(w, r)
	if act != nil {
		act(r)
	}
}

func NewLethal(t *testing.T) *Lethal {
	t.Helper()
	c := &Lethal{Metered: NewMetered(t)}
	c.http = httptest.NewServer(c)
	c.URL = c.http.URL + "/account/container?sig=any"
	t.Cleanup(c.http.Close)
	return c
}
