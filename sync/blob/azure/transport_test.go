package azure

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// lateReader answers before it has read the request's body, as http.Transport does
// when the service answers early. It reads the body when the answer was closed.
type lateReader struct {
	read atomic.Int64 // bytes
}

func (l *lateReader) RoundTrip(r *http.Request) (*http.Response, error) {
	answered := make(chan struct{})
	go func() {
		<-answered
		n, _ := io.Copy(io.Discard, r.Body)
		l.read.Add(n)
		_ = r.Body.Close()
	}()
	return &http.Response{
		StatusCode: http.StatusServiceUnavailable,
		Header:     http.Header{},
		Body:       closer{strings.NewReader("busy"), func() { close(answered) }},
		Request:    r,
	}, nil
}

type closer struct {
	io.Reader
	close func()
}

func (c closer) Close() error { c.close(); return nil }

func TestPutWaitsUntilItsDataIsGivenBack(t *testing.T) {
	u, err := ParseURL("http://127.0.0.1:1/acct/data?sig=any")
	if err != nil {
		t.Fatal(err)
	}
	c := &Container{url: u, retry: Retry{Tries: 2, Delay: time.Millisecond}.withDefaults()}
	transport := &lateReader{}
	if err := c.use(transport, Credentials{sas: u.sas}); err != nil {
		t.Fatal(err)
	}
	data := bytes.Repeat([]byte("x"), 1<<20)
	if err := c.Put(t.Context(), "a", data); err == nil {
		t.Error("Put succeeded")
	}
	if n := transport.read.Load(); n != 2*int64(len(data)) {
		t.Errorf("%d bytes were read when Put returned, %d are still to be read", n, 2*int64(len(data))-n)
	}
}

func TestSASIsAddedToTheQuery(t *testing.T) {
	tests := []struct{ sas, query, want string }{
		{"", "", ""},
		{"", "comp=list", "comp=list"},
		{"sv=1&sig=x%2F", "", "sv=1&sig=x%2F"},
		{"sv=1&sig=x%2F", "comp=list", "comp=list&sv=1&sig=x%2F"},
	}
	for _, tt := range tests {
		var got string
		s := sender{sas: tt.sas, stall: time.Minute, transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			got = r.URL.RawQuery
			return nil, io.EOF
		})}
		req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://host/c?"+tt.query, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Do(req); err == nil || got != tt.want { //nolint:bodyclose // there is no response
			t.Errorf("SAS %q on %q: %q, %v", tt.sas, tt.query, got, err)
		}
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
