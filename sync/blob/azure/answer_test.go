package azure_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"clfsload/sync/blob"
	"clfsload/sync/blob/azure"
	"clfsload/tests/blobserver"
)

// requests are one of each kind, and whether nothing but the error tells that it failed.
func requests(ctx context.Context, c *azure.Container) map[string]func() error {
	return map[string]func() error{
		"put":     func() error { return c.Put(ctx, "a", []byte("data")) },
		"get":     func() error { _, err := c.Get(ctx, "a", 0, 100); return err },
		"get all": func() error { _, err := c.Get(ctx, "a", 0, -1); return err },
		"get end": func() error { _, err := c.Get(ctx, "a", 2, 5); return err },
		"head":    func() error { _, err := c.Get(ctx, "a", 0, 0); return err },
		"delete":  func() error { return c.Delete(ctx, "a") },
		"list":    func() error { _, err := c.List(ctx, "", ""); return err },
		"exists":  func() error { _, err := c.Exists(ctx); return err },
		"create":  func() error { return c.Create(ctx) },
		"lease": func() error {
			_, err := c.AcquireLease(ctx, "a", blob.LeaseRequest{ID: "11111111-1111-1111-1111-111111111111", Duration: time.Minute})
			return err
		},
	}
}

func TestWhatIsNoAnswerOfTheServiceIsATemporaryFailureOfEveryRequest(t *testing.T) {
	for _, status := range []int{200, 201, 202, 204, 206, 301, 302, 304, 307, 308, 400, 401, 403, 404, 407, 409, 412, 416, 418} {
		s, c := openServer(t, azure.Retry{Tries: 2})
		s.Fail(blobserver.Fault{Times: 1 << 30, Answer: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, "<html>")
		}})
		for name, request := range requests(t.Context(), c) {
			if err := request(); !errors.Is(err, blob.ErrTransient) {
				t.Errorf("%s answered with %d: %v", name, status, err)
			}
		}
	}
}

func TestNoRedirectIsFollowed(t *testing.T) {
	reached := make(chan string, 100)
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { reached <- r.URL.String() }))
	t.Cleanup(other.Close)
	for _, status := range []int{301, 302, 303, 307, 308} {
		s, c := openServer(t, azure.Retry{Tries: 1})
		s.Fail(blobserver.Fault{Times: 1 << 30, Answer: func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("x-ms-request-id", "1")
			http.Redirect(w, r, other.URL+r.URL.String(), status)
		}})
		for name, request := range requests(t.Context(), c) {
			if err := request(); !errors.Is(err, blob.ErrTransient) {
				t.Errorf("%s answered with %d: %v", name, status, err)
			}
		}
	}
	if len(reached) > 0 {
		t.Errorf("another host was asked for %q", <-reached)
	}
}

// endless sends a beginning and then text, as the service, until nobody takes it any more.
func endless(status int, begin, text string) http.HandlerFunc {
	text = strings.Repeat(text, 1<<16/len(text))
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("x-ms-request-id", "1")
		w.Header().Set("x-ms-error-code", "SomeError")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, begin)
		for r.Method != http.MethodHead {
			if _, err := io.WriteString(w, text); err != nil {
				return
			}
		}
	}
}

// allocated is how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestTheMemoryOfAnAnswerIsBounded(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"error":   endless(400, "", "<Error>"),
		"success": endless(201, "", "x"),
		"deleted": endless(202, "", "x"),
		"all":     endless(200, "", "x"),
		"blobs":   endless(200, `<?xml version="1.0"?><EnumerationResults><Blobs>`, "<Blob/>"),
		"length of 50 GiB": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("x-ms-request-id", "1")
			w.Header().Set("Content-Length", strconv.Itoa(50<<30))
		},
		"length of 2^63-1": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("x-ms-request-id", "1")
			w.Header().Set("Content-Length", strconv.Itoa(1<<63-1))
		},
		"headers": func(w http.ResponseWriter, _ *http.Request) {
			for i := range 2000 {
				w.Header().Set("x-ms-"+strconv.Itoa(i), strings.Repeat("x", 1000))
			}
		},
	} {
		s, c := openServer(t, azure.Retry{Tries: 1})
		s.Fail(blobserver.Fault{Times: 1 << 30, Answer: answer})
		for what, request := range requests(t.Context(), c) {
			if n := allocated(func() { _ = request() }); n > 200<<20 {
				t.Errorf("%s: %s took %d MiB", name, what, n>>20)
			}
		}
	}
}

func TestAPutOfOtherBytesIsNotDone(t *testing.T) {
	s, c := openServer(t, azure.Retry{Tries: 1})
	s.Fail(blobserver.Fault{Operation: "Put", Alter: func(h http.Header, _ *int, b []byte) []byte {
		h.Set("Content-MD5", "AAAAAAAAAAAAAAAAAAAAAA==")
		return b
	}})
	if err := c.Put(t.Context(), "a", []byte("data")); !errors.Is(err, blob.ErrTransient) {
		t.Errorf("Put: %v", err)
	}
}

func TestAHeaderThatNobodyNeedsDoesNoHarm(t *testing.T) {
	s, c := openServer(t, azure.Retry{Tries: 1})
	s.Fail(blobserver.Fault{Times: 1 << 30, Alter: func(h http.Header, _ *int, b []byte) []byte {
		h.Set("Last-Modified", "the day before")
		h.Set("x-ms-creation-time", "once")
		h.Set("x-ms-blob-sequence-number", "many")
		h.Set("x-ms-lease-time", "-")
		h.Set("Date", "x")
		return b
	}})
	if err := c.Put(t.Context(), "a", []byte("data")); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"lease", "get", "get all", "head", "list", "exists", "create", "delete"} {
		if name == "delete" {
			c, name = openURL(t, s.NewContainer("other"), azure.Retry{Tries: 1}), "delete"
		}
		if err := requests(t.Context(), c)[name](); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
