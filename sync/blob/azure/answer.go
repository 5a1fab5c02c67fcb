package azure

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"slices"
)

// serviceHeaders distinguish an answer of the service from that of a proxy, a portal or an
// unrelated server: each of the service's answers has at least one of them.
var serviceHeaders = []string{"X-Ms-Request-Id", "X-Ms-Version", "X-Ms-Error-Code"}

// usedHeaders are the headers of an answer that are read. The SDK fails if another header has an
// unexpected value.
var usedHeaders = []string{"Content-Length", "Content-Range", "Content-Md5", "X-Ms-Blob-Content-Md5", "Content-Encoding", "Etag",
	"X-Ms-Lease-Duration"}

// badAnswer is the error for an answer that does not fit the request. The next one may be right, so
// it is a connectionError.
func badAnswer(format string, args ...any) error {
	return connectionError{fmt.Errorf(format, args...)}
}

// vet refuses answers that are not from the service, and bounds the body of the others. Server
// errors need no proof: nothing is concluded from them.
func vet(req *http.Request, resp *http.Response) error {
	status, h := resp.StatusCode, resp.Header
	switch {
	case status == http.StatusTooManyRequests || status >= http.StatusInternalServerError:
	case !slices.ContainsFunc(serviceHeaders, func(name string) bool { return h.Get(name) != "" }):
		return badAnswer("status %d (%q): this answer is not from the Blob service: it lacks headers such as x-ms-request-id; check the address, and the proxy between here and the service", status, short(h.Get("Content-Type")))
	case status < 200 || status/100 == 3:
		return badAnswer("status %d does not fit the request; check the proxy between here and the service", status)
	case status == http.StatusPartialContent && h.Get("Content-Range") == "":
		return badAnswer("status %d: the answer does not say which part of the blob it holds", status)
	}
	if status < 300 {
		if err := pruneHeaders(h); err != nil {
			return err
		}
	}
	boundBody(req, resp)
	return nil
}

// pruneHeaders keeps only the used headers.
func pruneHeaders(h http.Header) error {
	for name := range h {
		if !slices.Contains(usedHeaders, name) {
			delete(h, name)
		}
	}
	for _, name := range []string{"Content-Md5", "X-Ms-Blob-Content-Md5"} {
		text := h.Get(name)
		if sum, err := base64.StdEncoding.DecodeString(text); text != "" && (err != nil || len(sum) != md5.Size) {
			return badAnswer("the header %s of the answer holds no MD5: %q", name, short(text))
		}
	}
	return nil
}

// The largest bodies that are read.
const (
	// maxListing is for a page of a listing, in bytes: 3,355 for each blob.
	maxListing = 16 << 20
	// maxListingTags is how many tags and ends of tags a page has. Those of a blob
	// are fewer than 80, and the smallest element costs some 100 bytes of memory.
	maxListingTags = 80 * 5000
	// maxMessage is for every other body but a blob's, in bytes. The service's have a
	// few hundred.
	maxMessage = 64 << 10
)

// boundBody limits the body of an answer. The body of a blob is limited by the code that knows its
// length.
func boundBody(req *http.Request, resp *http.Response) {
	isData := req.Method == http.MethodGet && (resp.StatusCode == http.StatusOK || resp.StatusCode == http.StatusPartialContent)
	switch {
	case isData && req.URL.Query().Get("comp") == "list":
		resp.Body = &listingBody{ReadCloser: resp.Body}
	case isData:
	default:
		resp.Body = messageBody{io.LimitReader(resp.Body, maxMessage), resp.Body}
	}
}

// messageBody is the beginning of a body whose rest is not needed.
type messageBody struct {
	io.Reader
	io.Closer
}

// listingBody is the body of a listing. It fails if a page is larger than the service's limit.
type listingBody struct {
	io.ReadCloser
	bytes, tags int
}

func (b *listingBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.bytes += n
	b.tags += bytes.Count(p[:n], []byte("<"))
	if b.bytes > maxListing || b.tags > maxListingTags {
		return 0, badAnswer("a page of the listing is larger than the service's limit (%d bytes so far, %d tags)", b.bytes, b.tags)
	}
	return n, err
}

// short truncates a foreign text for a message.
func short(text string) string { return text[:min(len(text), 100)] }
