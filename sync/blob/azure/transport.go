package azure

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"golang.org/x/sys/unix"
)

// apiVersion is the service version that requests ask for. All features used here are older.
// Emulators, and clouds that are updated late, refuse a recent version, as the SDK would send.
const apiVersion = "2021-12-02"

const userAgent = "clfsload"

// newTransport returns the HTTP transport. It keeps as many idle connections as there are requests
// in flight, because a new one costs several round trips, and its buffers allow to send a small
// blob with one system call.
func newTransport(connections int) *http.Transport {
	dialer := &net.Dialer{Timeout: 15 * time.Second, KeepAlive: 15 * time.Second, Control: setUserTimeout}
	return &http.Transport{
		Proxy:               proxyFromEnvironment,
		DialContext:         dialer.DialContext,
		TLSHandshakeTimeout: 15 * time.Second,
		TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12},
		TLSNextProto:        map[string]func(string, *tls.Conn) http.RoundTripper{}, // HTTP/1.1: one blob, one connection
		MaxIdleConns:        connections,
		MaxIdleConnsPerHost: connections,
		MaxConnsPerHost:     connections + 4, // beside the requests, that keep a lease
		IdleConnTimeout:     90 * time.Second,
		DisableCompression:  true,
		WriteBufferSize:     32 << 10,
		ReadBufferSize:      4 << 10,
		// The service's headers have some 2 KB.
		MaxResponseHeaderBytes: 64 << 10,
		ExpectContinueTimeout:  time.Second,
	}
}

// userTimeout is how long sent bytes may stay without an acknowledgement. It soon ends requests
// whose network is gone. The timeouts of tries, which must let slow transfers pass, are for a
// service that does not answer.
const userTimeout = time.Minute

func setUserTimeout(_, _ string, conn syscall.RawConn) error {
	var err error
	controlErr := conn.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(userTimeout.Milliseconds()))
	})
	return errors.Join(err, controlErr)
}

// sender is the last link of the SDK's pipeline. Only here is the SAS added, so that
// nothing in the SDK, which logs and quotes URLs, ever sees it.
type sender struct {
	transport http.RoundTripper
	sas       string
	stall     time.Duration
}

// Do sends one try of a request; req is this try's own.
func (s sender) Do(req *http.Request) (*http.Response, error) {
	switch {
	case s.sas == "":
	case req.URL.RawQuery == "":
		req.URL.RawQuery = s.sas
	default:
		req.URL.RawQuery += "&" + s.sas
	}
	req.Header["User-Agent"] = []string{userAgent}
	if req.Method == http.MethodGet || req.Method == http.MethodHead {
		req.Header["Cache-Control"] = []string{"no-cache"} // a proxy must ask the service
	}
	// The header is not sent. It tells the transport that a request may be repeated
	// if the server closed the idle connection that it was about to use.
	req.Header["Idempotency-Key"] = nil
	ctx, w := newWatch(req.Context(), s.stall)
	req = req.WithContext(ctx)
	u, isUpload := ctx.Value(uploadKey{}).(*upload)
	if isUpload && req.Body != nil {
		req.GetBody = func() (io.ReadCloser, error) { return u.open(w), nil }
		req.Body = u.open(w)
	}
	resp, err := s.transport.RoundTrip(req)
	if err != nil {
		err = w.explain(err)
		w.end()
		return nil, sendError(err)
	}
	resp.Body = &watchedBody{resp.Body, w}
	if err := vet(req, resp); err != nil {
		_ = resp.Body.Close()
		return nil, err
	}
	if turn, isListing := ctx.Value(listingKey{}).(*listingTurn); isListing {
		if err := turn.begin(ctx); err != nil {
			_ = resp.Body.Close()
			return nil, connectionError{w.explain(err)}
		}
	}
	return resp, nil
}

// setVersion is a pipeline policy; it must come before the request is signed.
type setVersion struct{}

func (setVersion) Do(req *policy.Request) (*http.Response, error) {
	req.Raw().Header["x-ms-version"] = []string{apiVersion}
	return req.Next()
}

// upload lends a Put's data to the transport, which may continue to read a request's body after it
// has reported an error or an early answer. Each try gets its own reader, and wait returns when the
// transport has returned all of them.
type upload struct {
	data []byte
	lent sync.WaitGroup
}

type uploadKey struct{}

func newUpload(ctx context.Context, data []byte) (*upload, context.Context) {
	u := &upload{data: data}
	return u, context.WithValue(ctx, uploadKey{}, u)
}

func (u *upload) open(w *watch) io.ReadCloser {
	u.lent.Add(1)
	b := &body{lent: &u.lent, watch: w}
	b.data.Reset(u.data)
	return b
}

func (u *upload) wait() { u.lent.Wait() }

// send sends the request. Content-MD5 makes the service verify the bytes and store the MD5 with the
// blob.
func (u *upload) send(ctx context.Context, client *container.Client, name string, sum []byte, condition *blob.AccessConditions) error {
	answer, err := client.NewBlockBlobClient(name).Upload(ctx, streaming.NopCloser(bytes.NewReader(u.data)), &blockblob.UploadOptions{
		TransactionalValidation: blob.TransferValidationTypeMD5(sum),
		AccessConditions:        condition,
	})
	if err == nil && answer.ContentMD5 != nil && !bytes.Equal(answer.ContentMD5, sum) {
		return badAnswer("the service stored other bytes: their MD5 is %x, that of the blob %x", answer.ContentMD5, sum)
	}
	return err
}

// body is an upload's data as one try reads it.
type body struct {
	data   bytes.Reader
	watch  *watch
	closed sync.Once
	lent   *sync.WaitGroup
}

func (b *body) Read(p []byte) (int, error) {
	b.watch.progress()
	return b.data.Read(p)
}

func (b *body) Close() error {
	b.closed.Do(b.lent.Done)
	return nil
}

// connectionError is a failure to send a request or to receive its answer.
type connectionError struct{ error }

func (e connectionError) Unwrap() error { return e.error }

// endpointError is a permanent connectionError: the other end is not the expected service. The SDK
// does not retry errors with a method of this name.
type endpointError struct{ error }

func (e endpointError) Unwrap() error { return e.error }
func (endpointError) NonRetriable()   {}

// sendError distinguishes the two.
func sendError(err error) error {
	var cert *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	if errors.As(err, &cert) || errors.As(err, &record) || errors.As(err, &authority) || errors.As(err, &host) {
		return endpointError{err}
	}
	return connectionError{err}
}
