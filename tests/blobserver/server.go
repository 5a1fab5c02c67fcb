package blobserver

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/time/rate"
)

// account is part of the addresses that Start returns; every other is served too.
const account = "blobserver"

// Server is an http.Handler that serves any number of containers. See New and Start.
type Server struct {
	// Endpoint is the service's address with an account, if Start made the server.
	Endpoint string

	noVerify bool
	pageSize int
	squeezes bool
	latency  atomic.Int64 // nanoseconds
	link     *rate.Limiter
	answers  atomic.Int64
	secret   atomic.Pointer[string]
	stats    stats
	faults   faults
	closing  chan struct{}

	mu         sync.RWMutex
	containers map[string]*container
	etag       uint64
}

// New returns a server without containers.
func New() *Server {
	return &Server{pageSize: maxPage, link: rate.NewLimiter(rate.Inf, slice), closing: make(chan struct{}), containers: make(map[string]*container)}
}

// Start returns a server that listens on loopback until the test ends.
func Start(t testing.TB) *Server {
	t.Helper()
	s := New()
	h := httptest.NewServer(s)
	s.Endpoint = h.URL + "/" + account
	t.Cleanup(h.Close)
	t.Cleanup(s.Release)
	return s
}

// NewContainer makes an empty container and returns its URL. The name is to be new.
func (s *Server) NewContainer(name string) (url string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.containers[name] = newContainer()
	return s.Endpoint + "/" + name
}

// SetLatency makes every request wait d before it is looked at.
func (s *Server) SetLatency(d time.Duration) { s.latency.Store(int64(d)) }

// SetBandwidth bounds how many bytes of blobs all answers together send a second.
func (s *Server) SetBandwidth(bytesPerSecond int64) { s.link.SetLimit(rate.Limit(bytesPerSecond)) }

// SetPageSize limits the pages of a listing to n blobs. To be called before the
// first request.
func (s *Server) SetPageSize(n int) { s.pageSize = min(n, maxPage) }

// SkipChecksums leaves Content-MD5 unverified and not stored, for measurements of
// the client. To be called before the first request.
func (s *Server) SkipChecksums() { s.noVerify = true }

// AcceptOnly refuses credentials, with status 403 and code AuthenticationFailed,
// unless the request's query or its Authorization header contains secret. An empty
// secret accepts all again; one that nobody has refuses all.
func (s *Server) AcceptOnly(secret string) {
	s.secret.Store(&secret)
}

// Release ends the requests that hang because of a Fault.
func (s *Server) Release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.closing:
	default:
		close(s.closing)
	}
}

// request is what a request asks for, taken apart.
type request struct {
	*http.Request
	container string
	blob      string // empty: the container itself
	query     url.Values
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer s.stats.begin()()
	if !s.delay(r) {
		return
	}
	req, err := parse(r)
	if err != nil {
		fail(w, http.StatusBadRequest, "InvalidUri")
		return
	}
	s.stats.count(req.operation())
	s.sign(w)
	fault, met := s.faults.next(req)
	if met && !fault.After {
		s.inflict(w, r, fault)
		return
	}
	if met {
		w = s.lost(w, r, fault)
	}
	if !s.authentic(r) {
		fail(w, http.StatusForbidden, "AuthenticationFailed")
		return
	}
	s.serve(w, req)
	if l, ok := w.(*lostAnswer); ok {
		l.finish()
	}
}

// sign sets the headers that all answers of the service have.
func (s *Server) sign(w http.ResponseWriter) {
	w.Header().Set("x-ms-request-id", fmt.Sprintf("%08x", s.answers.Add(1)))
	w.Header().Set("x-ms-version", "2021-12-02")
}

func (s *Server) serve(w http.ResponseWriter, r *request) {
	switch op := r.operation(); op {
	case "CreateContainer":
		s.createContainer(w, r)
	case "GetContainer":
		s.getContainer(w, r)
	case "DeleteContainer":
		s.deleteContainer(w, r)
	case "List":
		s.list(w, r)
	case "Put":
		s.put(w, r)
	case "Get":
		s.get(w, r)
	case "Delete":
		s.delete(w, r)
	case "Lease":
		s.lease(w, r)
	default:
		fail(w, http.StatusBadRequest, "UnsupportedHttpVerb")
	}
}

// operation names what r asks for, as Counts does.
func (r *request) operation() string {
	if r.blob == "" && r.query.Get("restype") == "container" {
		switch {
		case r.query.Get("comp") == "list":
			return "List"
		case r.Method == http.MethodPut:
			return "CreateContainer"
		case r.Method == http.MethodDelete:
			return "DeleteContainer"
		}
		return "GetContainer"
	}
	switch {
	case r.query.Get("comp") == "lease":
		return "Lease"
	case r.query.Get("comp") != "" || r.blob == "":
		return "Other"
	case r.Method == http.MethodPut:
		return "Put"
	case r.Method == http.MethodDelete:
		return "Delete"
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
		return "Get"
	}
	return "Other"
}

// parse reads /ACCOUNT/CONTAINER or /ACCOUNT/CONTAINER/BLOB.
func parse(r *http.Request) (*request, error) {
	parts := strings.SplitN(strings.TrimPrefix(r.URL.EscapedPath(), "/"), "/", 3)
	if len(parts) < 2 {
		return nil, fmt.Errorf("path %s names no container", r.URL.Path)
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	req := &request{Request: r, container: parts[1], query: query}
	if len(parts) == 3 {
		req.blob, err = url.PathUnescape(parts[2])
	}
	return req, err
}

// delay waits out the latency, and reports whether the client is still there.
func (s *Server) delay(r *http.Request) bool {
	d := time.Duration(s.latency.Load())
	if d == 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

func (s *Server) authentic(r *http.Request) bool {
	secret := s.secret.Load()
	return secret == nil || strings.Contains(r.URL.RawQuery, *secret) ||
		strings.Contains(r.Header.Get("Authorization"), *secret)
}
