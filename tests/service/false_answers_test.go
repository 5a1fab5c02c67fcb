package service

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/tests/blobserver"
	"clfsload/tests/harness"
	"clfsload/tests/mounted"
	"clfsload/tests/remote"
	"clfsload/tests/trees"
)

// alter is what a fault makes of an answer.
type alter = func(header http.Header, status *int, body []byte) []byte

// flip damages the middle of an answer's body.
func flip(_ http.Header, _ *int, body []byte) []byte {
	damaged := append([]byte(nil), body...)
	if len(damaged) > 0 {
		damaged[len(damaged)/2] ^= 1
	}
	return damaged
}

// withHeader sets headers of an answer.
func withHeader(pairs ...string) alter {
	return func(h http.Header, _ *int, body []byte) []byte {
		for i := 0; i < len(pairs); i += 2 {
			h.Set(pairs[i], pairs[i+1])
		}
		return body
	}
}

// without removes headers of an answer.
func without(names ...string) alter {
	return func(h http.Header, _ *int, body []byte) []byte {
		for _, name := range names {
			h.Del(name)
		}
		return body
	}
}

// withStatus changes an answer's status.
func withStatus(status int) alter {
	return func(_ http.Header, s *int, body []byte) []byte { *s = status; return body }
}

// page answers with a page for people, as a proxy does.
func page(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("Location", "http://127.0.0.1:1/elsewhere")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "<html><body>Please log in to use this network.</body></html>")
	}
}

// endless answers as the service, with a body that has no end.
func endless(status int, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("x-ms-request-id", "1")
		w.WriteHeader(status)
		text := strings.Repeat(text, 1<<16/len(text))
		for r.Method != http.MethodHead {
			if _, err := io.WriteString(w, text); err != nil {
				return
			}
		}
	}
}

func TestWhatAProxyAnswersIsNeitherDoneNorNotFound(t *testing.T) {
	for _, status := range []int{200, 201, 202, 206, 302, 304, 307, 401, 403, 404, 407, 409, 412, 416} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			t.Parallel()
			disturbed(t, []blobserver.Fault{
				{Operation: "List", Answer: page(status)},
				{Operation: "Get", Answer: page(status)},
				{Operation: "Lease", Answer: page(status)},
				{Operation: "Put", Skip: 5, Times: 20, Answer: page(status)},
			})
		})
	}
}

func TestAContainerIsNotMadeByAProxy(t *testing.T) {
	for _, status := range []int{201, 409} {
		c := remote.NewMetered(t)
		c.URL = strings.Replace(c.URL, "/container?", "/new?", 1)
		c.Fail(blobserver.Fault{Operation: "CreateContainer", Answer: page(status)})
		source := t.TempDir()
		harness.WriteFile(t, filepath.Join(source, "file"), "text")
		harness.Clfsload(t, c.Into(filepath.Join(t.TempDir(), "state"), source, "--new", "--create-container")...).MustExit(harness.ExitOK)
		c.Check(t)
	}
}

// readFaults are answers that a reader must not believe, each of which comes once.
func readFaults() map[string]blobserver.Fault {
	faults := map[string]blobserver.Fault{}
	for name, f := range map[string]alter{
		"damaged":         flip,
		"shorter":         func(_ http.Header, _ *int, body []byte) []byte { return body[:len(body)/2] },
		"empty":           func(http.Header, *int, []byte) []byte { return nil },
		"304":             withStatus(http.StatusNotModified),
		"redirect":        withStatus(http.StatusTemporaryRedirect),
		"no content":      withStatus(http.StatusNoContent),
		"of 50 GiB":       withHeader("Content-Length", strconv.Itoa(50<<30)),
		"of 2^63-1 bytes": withHeader("Content-Length", strconv.Itoa(1<<63-1)),
		"range of 50 GiB": withHeader("Content-Range", fmt.Sprintf("bytes 0-%d/%d", 50<<30-1, 50<<30), "Content-Length", strconv.Itoa(50<<30)),
		"another range":   withHeader("Content-Range", "bytes 7-9/100"),
		"no range":        without("Content-Range"),
		"no length": func(h http.Header, _ *int, b []byte) []byte {
			h.Del("Content-Length")
			h.Set("Transfer-Encoding", "chunked")
			return b
		},
		"wrong MD5":           withHeader("x-ms-blob-content-md5", "AAAAAAAAAAAAAAAAAAAAAA==", "Content-MD5", "AAAAAAAAAAAAAAAAAAAAAA=="),
		"an MD5 that is none": withHeader("x-ms-blob-content-md5", "&", "Content-MD5", "&"),
		"dates that are none": withHeader("Last-Modified", "today", "x-ms-creation-time", "yesterday", "x-ms-blob-sequence-number", "x"),
		"without headers":     func(h http.Header, _ *int, b []byte) []byte { clear(h); return b },
		"a name of another":   func(_ http.Header, _ *int, b []byte) []byte { return []byte(strings.ReplaceAll(string(b), "0", "1")) },
		"encoded by a proxy":  func(h http.Header, _ *int, b []byte) []byte { h.Set("Content-Encoding", "br"); return flip(h, nil, b) },
		"a blob of -1 bytes": func(_ http.Header, _ *int, b []byte) []byte {
			return []byte(strings.Replace(string(b), "<Content-Length>", "<Content-Length>-", 1))
		},
		"a blob of 1 EB": func(_ http.Header, _ *int, b []byte) []byte {
			return []byte(strings.Replace(string(b), "<Content-Length>", "<Content-Length>1000000000000000000", 1))
		},
		"a snapshot as well": func(_ http.Header, _ *int, b []byte) []byte {
			return []byte(strings.Replace(string(b), "<Blobs>", "<Blobs><Blob><Name>x</Name><Snapshot>2020-01-01T00:00:00.0000000Z</Snapshot><Properties><Content-Length>1</Content-Length></Properties></Blob>", 1))
		},
		"an element cut": func(_ http.Header, _ *int, b []byte) []byte { return b[:max(len(b)-30, 0)] },
		"a blob without a name": func(_ http.Header, _ *int, b []byte) []byte {
			return []byte(strings.Replace(string(b), "<Name>", "<Nome>", 1))
		},
	} {
		faults[name] = blobserver.Fault{Alter: f}
	}
	for name, f := range map[string]http.HandlerFunc{
		"endless":        endless(200, "<Blob/>"),
		"endless error":  endless(400, "<Error>"),
		"endless 404":    endless(503, "x"),
		"a proxy's 200":  page(200),
		"a proxy's 404":  page(404),
		"a proxy's 416":  page(416),
		"nothing at all": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(200) },
	} {
		faults[name] = blobserver.Fault{Answer: f}
	}
	delete(faults, "endless error") // it is an error that nobody repeats
	return faults
}

func TestAFalseAnswerIsAskedForAgain(t *testing.T) {
	t.Parallel()
	source := t.TempDir()
	for i := range 20 {
		trees.WriteNoise(t, filepath.Join(source, fmt.Sprint(i)), 3000, trees.SeededRandom(t))
	}
	trees.WriteNoise(t, filepath.Join(source, "larger"), 9<<20, trees.SeededRandom(t))
	server := blobserver.Start(t)
	url := server.NewContainer("data") + "?sig=x"
	harness.Clfsload(t, "load", "--new", filepath.Join(t.TempDir(), "state"), source, url).MustExit(harness.ExitOK)
	for name, fault := range readFaults() {
		server.Mend()
		for _, skip := range []int{0, 1, 9, 22} {
			fault.Operation, fault.Skip = "Get", skip
			server.Fail(fault)
		}
		fault.Operation, fault.Skip = "List", 1
		server.Fail(fault)
		harness.Clfsload(t, "verify", "--source", source, url).MustExit(harness.ExitOK)
		server.Check(t)
		if t.Failed() {
			t.Fatalf("the answer was %s", name)
		}
	}
}

func TestAMountReadsThroughFalseAnswers(t *testing.T) {
	server := blobserver.Start(t)
	url := server.NewContainer("golden") + "?sig=x"
	harness.Clfsload(t, "load", "--new", filepath.Join(t.TempDir(), "state"), trees.TwoSizes(t), url).MustExit(harness.ExitOK)
	for _, fault := range []blobserver.Fault{{Alter: flip}, {Alter: withStatus(304)}, {Answer: page(404)}, {Answer: page(200)},
		{Alter: withHeader("Content-Length", strconv.Itoa(1<<63-1))}} {
		m := mounted.ReadOnly(t, url)
		m.AwaitLog("msg=mounted ")
		fault.Operation, fault.Times = "Get", 2
		server.Fail(fault)
		if got, err := os.ReadFile(m.Path("sizes/text-8404993")); err != nil || len(got) != 8404993 {
			t.Errorf("%d bytes, %v", len(got), err)
		}
		m.End(unix.SIGTERM).MustExit(harness.ExitOK)
		server.Mend()
	}
}

// nextMarker gives every page of a listing a marker, whatever comes.
func nextMarker(marker func(n int) string) alter {
	n := 0
	return func(_ http.Header, _ *int, body []byte) []byte {
		n++
		text, _, _ := strings.Cut(string(body), "<NextMarker>")
		return []byte(text + "<NextMarker>" + marker(n) + "</NextMarker></EnumerationResults>")
	}
}

func TestAListingWithoutAnEndIsAnError(t *testing.T) {
	t.Parallel()
	for name, marker := range map[string]func(int) string{
		"one marker":       func(int) string { return "AAAA" },
		"two markers":      func(n int) string { return []string{"AAAA", "BBBB"}[n%2] },
		"ever new markers": func(n int) string { return base64.URLEncoding.EncodeToString(fmt.Appendf(nil, "!%08d", n)) },
	} {
		server := blobserver.Start(t)
		url := server.NewContainer("data") + "?sig=x"
		source := t.TempDir()
		harness.WriteFile(t, filepath.Join(source, "file"), "text")
		harness.Clfsload(t, "load", "--new", filepath.Join(t.TempDir(), "state"), source, url).MustExit(harness.ExitOK)
		server.Fail(blobserver.Fault{Operation: "List", Times: 1 << 30, Alter: nextMarker(marker)})
		res := harness.Clfsload(t, "verify", url)
		if res.MustSay("the listing never ends"); res.Code != 1 {
			t.Errorf("%s: code %d", name, res.Code)
		}
	}
}
