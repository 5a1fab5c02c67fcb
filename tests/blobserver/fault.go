package blobserver

import (
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// Fault is what happens to requests that match it. One of Status, Cut, Hang, Answer and
// Alter is to be set.
type Fault struct {
	Operation string // as in Counts; empty: any
	Prefix    string // the blob's name, or the prefix of a listing, begins with it
	Skip      int    // how many such requests pass before
	Times     int    // how many are met; 0: one

	Status     int    // the answer's status
	Code       string // its x-ms-error-code
	RetryAfter int    // its Retry-After, in seconds; 0: none
	Cut        bool   // the connection is reset instead of an answer
	Hang       bool   // there is no answer until the client gives up or Release is called

	// Answer answers in place of the service, whose headers are not set then.
	Answer http.HandlerFunc
	// Alter changes the answer after the request has had its effect. It may change the
	// header and the status, and returns the body to send.
	Alter func(header http.Header, status *int, body []byte) []byte

	// After lets the request have its effect first. With Cut, a Get's answer then
	// ends in the middle of the data.
	After bool
}

type faults struct {
	mu   sync.Mutex
	list []Fault
}

// Fail adds faults. A request meets the first that matches it.
func (s *Server) Fail(list ...Fault) {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	for _, f := range list {
		f.Times = max(f.Times, 1)
		f.After = f.After || f.Alter != nil
		s.faults.list = append(s.faults.list, f)
	}
}

// Mend forgets the faults that are left.
func (s *Server) Mend() {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.list = nil
}

// Check fails the test if some fault was not met as often as it was to be.
func (s *Server) Check(t testing.TB) {
	t.Helper()
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	for _, f := range s.faults.list {
		t.Errorf("fault was not met: %+v", f)
	}
}

// next returns the fault that r meets, and forgets it when it is used up.
func (f *faults) next(r *request) (Fault, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.list {
		this := &f.list[i]
		if !this.matches(r) {
			continue
		}
		if this.Skip > 0 {
			this.Skip--
			continue
		}
		met := *this
		this.Times--
		if this.Times == 0 {
			f.list = append(f.list[:i], f.list[i+1:]...)
		}
		return met, true
	}
	return Fault{}, false
}

func (f *Fault) matches(r *request) bool {
	op, name := r.operation(), r.blob
	if op == "List" {
		name = r.query.Get("prefix")
	}
	return (f.Operation == "" || f.Operation == op) && strings.HasPrefix(name, f.Prefix)
}

// inflict answers as the fault wants it.
func (s *Server) inflict(w http.ResponseWriter, r *http.Request, f Fault) {
	switch {
	case f.Hang:
		select {
		case <-r.Context().Done():
		case <-s.closing:
		}
		panic(http.ErrAbortHandler)
	case f.Cut:
		reset(w)
	case f.Answer != nil:
		clear(w.Header())
		_, _ = io.Copy(io.Discard, r.Body)
		f.Answer(w, r)
	default:
		_, _ = io.Copy(io.Discard, r.Body) // else the server would cut the connection of a long Put
		if f.RetryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(f.RetryAfter))
		}
		fail(w, f.Status, f.Code)
	}
}

// reset ends the connection with a TCP reset where it can.
func reset(w http.ResponseWriter) {
	if h, ok := w.(http.Hijacker); ok {
		if conn, _, err := h.Hijack(); err == nil {
			if tcp, ok := conn.(*net.TCPConn); ok {
				_ = tcp.SetLinger(0)
			}
			_ = conn.Close()
			return
		}
	}
	panic(http.ErrAbortHandler)
}

// lostAnswer keeps an answer back, or the second half of its data.
type lostAnswer struct {
	server *Server
	client http.ResponseWriter
	r      *http.Request
	fault  Fault
	header http.Header
	status int
	data   []byte
}

func (s *Server) lost(w http.ResponseWriter, r *http.Request, f Fault) http.ResponseWriter {
	return &lostAnswer{server: s, client: w, r: r, fault: f, header: w.Header().Clone(), status: http.StatusOK}
}

func (l *lostAnswer) Header() http.Header         { return l.header }
func (l *lostAnswer) WriteHeader(status int)      { l.status = status }
func (l *lostAnswer) Write(p []byte) (int, error) { l.data = append(l.data, p...); return len(p), nil }

// finish inflicts the fault, after half of the data if there is any and the
// connection is to be cut.
func (l *lostAnswer) finish() {
	if l.fault.Alter != nil {
		l.alter()
		return
	}
	if !l.fault.Cut || len(l.data) < 2 {
		l.server.inflict(l.client, l.r, l.fault)
		return
	}
	for name, values := range l.header {
		l.client.Header()[name] = values
	}
	l.client.WriteHeader(l.status)
	_, _ = l.client.Write(l.data[:len(l.data)/2])
	_ = http.NewResponseController(l.client).Flush()
	panic(http.ErrAbortHandler)
}

// alter sends what the fault makes of the answer.
func (l *lostAnswer) alter() {
	h := l.client.Header()
	clear(h)
	for name, values := range l.header {
		h[name] = values
	}
	body := l.fault.Alter(h, &l.status, l.data)
	if h.Get("Content-Length") == strconv.Itoa(len(l.data)) && l.r.Method != http.MethodHead {
		h.Set("Content-Length", strconv.Itoa(len(body)))
	}
	l.client.WriteHeader(l.status)
	_, _ = l.client.Write(body)
}
