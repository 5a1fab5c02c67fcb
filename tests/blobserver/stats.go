package blobserver

import (
	"fmt"
	"maps"
	"net/http"
	"sync"
	"sync/atomic"
)

// Counts tells what the server was asked for so far.
type Counts struct {
	// Requests by operation: Put, Get (Head too), Delete, Lease, List,
	// CreateContainer, GetContainer, DeleteContainer, Other. Those that met a fault
	// or were refused are in it.
	Requests    map[string]int
	BytesIn     int64 // of blobs that were put
	BytesOut    int64 // of blobs that were got
	MaxInFlight int   // the most requests at a time
}

type stats struct {
	inFlight, maxInFlight, in, out atomic.Int64

	mu       sync.Mutex
	requests map[string]int
}

// Counts returns what was counted so far.
func (s *Server) Counts() Counts {
	s.stats.mu.Lock()
	defer s.stats.mu.Unlock()
	return Counts{
		Requests:    maps.Clone(s.stats.requests),
		BytesIn:     s.stats.in.Load(),
		BytesOut:    s.stats.out.Load(),
		MaxInFlight: int(s.stats.maxInFlight.Load()),
	}
}

// ResetMaxInFlight begins to count the most requests at a time anew.
func (s *Server) ResetMaxInFlight() { s.stats.maxInFlight.Store(s.stats.inFlight.Load()) }

// begin counts a request as in flight until the function that it returns is called.
func (s *stats) begin() (end func()) {
	n := s.inFlight.Add(1)
	for {
		most := s.maxInFlight.Load()
		if n <= most || s.maxInFlight.CompareAndSwap(most, n) {
			break
		}
	}
	return func() { s.inFlight.Add(-1) }
}

func (s *stats) count(operation string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.requests == nil {
		s.requests = make(map[string]int)
	}
	s.requests[operation]++
}

// fail answers with an error as the service words it.
func fail(w http.ResponseWriter, status int, code string) {
	h := w.Header()
	if code != "" {
		h.Set("x-ms-error-code", code)
	}
	h.Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `<?xml version="1.0" encoding="utf-8"?><Error><Code>%s</Code><Message>%s</Message></Error>`,
		code, http.StatusText(status))
}
