package azure_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"clfsload/sync/blob"
	"clfsload/sync/blob/azure"
	"clfsload/tests/azurite"
	"clfsload/tests/blobserver"
)

const signature = "c2VjcmV0%3D"

// openServer opens a container of a new blobserver with a SAS, and retries so fast
// that a test need not wait.
func openServer(t *testing.T, retry azure.Retry) (*blobserver.Server, *azure.Container) {
	t.Helper()
	s := blobserver.Start(t)
	return s, openURL(t, s.NewContainer("data"), retry)
}

func openURL(t *testing.T, url string, retry azure.Retry) *azure.Container {
	t.Helper()
	u, err := azure.ParseURL(url + "?sv=2021-12-02&sig=" + signature)
	if err != nil {
		t.Fatal(err)
	}
	cred, err := azure.Secrets{}.Credentials(u)
	if err != nil {
		t.Fatal(err)
	}
	retry.Delay, retry.MaxDelay = time.Millisecond, 10*time.Millisecond
	c, err := azure.Open(azure.Config{URL: u, Credentials: cred, Retry: retry})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestServiceVerifiesAndStoresTheMD5(t *testing.T) {
	s := azurite.Start(t)
	name := s.NewContainer(t)
	c := open(t, s.ContainerURL(name), azure.Secrets{SAS: s.SAS(t, name)})
	data := []byte("the data")
	sum := md5.Sum(data)
	if err := c.PutWithSum(t.Context(), "damaged", data, md5.Sum([]byte("other data"))); !errors.Is(err, blob.ErrChecksum) {
		t.Errorf("Put with a wrong MD5: %v", err)
	}
	if err := c.Put(t.Context(), "good", data); err != nil {
		t.Fatal(err)
	}
	page, err := c.List(t.Context(), "", "")
	if err != nil || len(page.Blobs) != 1 || !bytes.Equal(page.Blobs[0].MD5, sum[:]) {
		t.Errorf("List: %v, %v", page, err)
	}
	for _, length := range []int64{-1, 0, 3} {
		o, err := c.Get(t.Context(), "good", 0, length)
		if err != nil || !bytes.Equal(o.MD5, sum[:]) || o.Size != int64(len(data)) {
			t.Errorf("Get of %d bytes: MD5 %x, size %d, %v", length, o.MD5, o.Size, err)
		}
	}
}

func TestCreateAndExists(t *testing.T) {
	s := azurite.Start(t)
	c := open(t, s.ContainerURL(s.UnusedName()), azure.Secrets{Key: azurite.Key})
	ctx := t.Context()
	if ok, err := c.Exists(ctx); ok || err != nil {
		t.Errorf("Exists before Create: %v, %v", ok, err)
	}
	_, getErr := c.Get(ctx, "a", 0, -1)
	_, listErr := c.List(ctx, "", "")
	for _, err := range []error{getErr, listErr, c.Put(ctx, "a", nil)} {
		if !errors.Is(err, blob.ErrContainerMissing) {
			t.Errorf("before Create: %v", err)
		}
	}
	for range 2 {
		if err := c.Create(ctx); err != nil {
			t.Errorf("Create: %v", err)
		}
	}
	if ok, err := c.Exists(ctx); !ok || err != nil {
		t.Errorf("Exists after Create: %v, %v", ok, err)
	}
	wantUsable(t, c)
}

func TestErrorsOfTheServiceHaveTheirKind(t *testing.T) {
	tests := []struct {
		status int
		code   string
		want   error
	}{
		{403, "AuthenticationFailed", blob.ErrCredentials},
		{401, "NoAuthenticationInformation", blob.ErrCredentials},
		{401, "", blob.ErrCredentials},
		{409, "PublicAccessNotPermitted", blob.ErrCredentials},
		{403, "AuthorizationPermissionMismatch", blob.ErrPermission},
		{403, "AuthorizationFailure", blob.ErrCredentials},
		{403, "", blob.ErrPermission},
		{404, "ContainerNotFound", blob.ErrContainerMissing},
		{409, "ContainerBeingDeleted", blob.ErrContainerMissing},
		{404, "BlobNotFound", blob.ErrNotFound},
		{429, "", blob.ErrThrottled},
		{503, "ServerBusy", blob.ErrThrottled},
		{503, "", blob.ErrTransient},
		{500, "InternalError", blob.ErrTransient},
		{500, "OperationTimedOut", blob.ErrTransient},
		{408, "", blob.ErrTransient},
		{502, "", blob.ErrTransient},
		{504, "", blob.ErrTransient},
		{400, "Md5Mismatch", blob.ErrChecksum},
		{400, "InvalidHeaderValue", blob.ErrUnexpected},
		{301, "", blob.ErrTransient},
	}
	s, c := openServer(t, azure.Retry{Tries: 1})
	for _, tt := range tests {
		for _, operation := range []string{"Put", "Get"} {
			s.Fail(blobserver.Fault{Operation: operation, Status: tt.status, Code: tt.code})
		}
		_, getErr := c.Get(t.Context(), "a", 0, -1)
		for _, err := range []error{getErr, c.Put(t.Context(), "a", []byte("data"))} {
			if !errors.Is(err, tt.want) {
				t.Errorf("%d %s: %v, want %v", tt.status, tt.code, err, tt.want)
			}
			if strings.Contains(err.Error(), "sig=") || strings.Contains(err.Error(), signature) {
				t.Errorf("%d %s: the error holds the SAS: %v", tt.status, tt.code, err)
			}
		}
	}
	s.Check(t)
}

func TestTransientFailuresAreRepeated(t *testing.T) {
	data := bytes.Repeat([]byte("0123456789"), 20_000)
	faults := []blobserver.Fault{
		{Status: 429},
		{Status: 503, Code: "ServerBusy"},
		{Status: 500, Code: "InternalError"},
		{Cut: true},
		{Cut: true, After: true},
		{Status: 500, After: true},
		{Hang: true},
	}
	for _, operation := range []string{"Put", "Get", "Delete", "List"} {
		for _, f := range faults {
			s, c := openServer(t, azure.Retry{Tries: 2, Stall: stallOf(f)})
			if err := c.Put(t.Context(), "a", data); err != nil {
				t.Fatal(err)
			}
			f.Operation = operation
			s.Fail(f)
			if err := call(t, c, operation, data); err != nil {
				t.Errorf("%s after %+v: %v", operation, f, err)
			}
			s.Check(t)
		}
	}
}

// stallOf is how long a request of a test may hang: no longer than it takes where one
// does, and as long as a busy machine needs where none is to.
func stallOf(f blobserver.Fault) time.Duration {
	if f.Hang {
		return time.Second
	}
	return time.Minute
}

// call runs one operation and compares what it returns.
func call(t *testing.T, c *azure.Container, operation string, data []byte) error {
	t.Helper()
	ctx := t.Context()
	switch operation {
	case "Put":
		return c.Put(ctx, "a", data)
	case "Delete":
		return c.Delete(ctx, "a")
	case "List":
		page, err := c.List(ctx, "", "")
		if err == nil && len(page.Blobs) != 1 {
			t.Errorf("List returned %v", page)
		}
		return err
	}
	o, err := c.Get(ctx, "a", 0, -1)
	if err == nil && !bytes.Equal(o.Data, data) {
		t.Errorf("Get returned %d other bytes", len(o.Data))
	}
	return err
}

func TestOneTryReportsEveryFailureAtOnce(t *testing.T) {
	data := bytes.Repeat([]byte("0123456789"), 10_000)
	faults := []struct {
		blobserver.Fault
		want error
	}{
		{blobserver.Fault{Status: 429}, blob.ErrThrottled},
		{blobserver.Fault{Status: 503, Code: "ServerBusy"}, blob.ErrThrottled},
		{blobserver.Fault{Cut: true}, blob.ErrTransient},
		{blobserver.Fault{Cut: true, After: true}, blob.ErrTransient},
		{blobserver.Fault{Hang: true}, blob.ErrTransient},
	}
	for _, f := range faults {
		s, c := openServer(t, azure.Retry{Tries: 1, Stall: stallOf(f.Fault)})
		if err := c.Put(t.Context(), "a", data); err != nil {
			t.Fatal(err)
		}
		for _, operation := range []string{"Put", "Get", "List", "Delete"} {
			before := s.Counts().Requests[operation]
			f.Operation = operation
			s.Fail(f.Fault)
			c.CloseIdle()
			if err := call(t, c, operation, data); !errors.Is(err, f.want) {
				t.Errorf("%s with %+v: %v", operation, f.Fault, err)
			}
			if n := s.Counts().Requests[operation] - before; n != 1 {
				t.Errorf("%s with %+v took %d requests", operation, f.Fault, n)
			}
		}
		s.Check(t)
	}
}

func TestThePauseThatAnAnswerAsksForIsTold(t *testing.T) {
	s, c := openServer(t, azure.Retry{Tries: 1})
	for _, f := range []blobserver.Fault{{Status: 503, Code: "ServerBusy"}, {Status: 503}, {Status: 429}} {
		for _, seconds := range []int{0, 7} {
			f.RetryAfter = seconds
			s.Fail(f)
			err := c.Put(t.Context(), "a", nil)
			if err == nil || blob.PauseOf(err) != time.Duration(seconds)*time.Second {
				t.Errorf("%+v: %v, pause of %s", f, err, blob.PauseOf(err))
			}
		}
	}
}

func TestCallersContextEndsAHangingPut(t *testing.T) {
	s, c := openServer(t, azure.Retry{})
	s.Fail(blobserver.Fault{Operation: "Put", Hang: true})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	err := c.Put(ctx, "a", make([]byte, 1<<20))
	if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, blob.ErrTransient) {
		t.Errorf("Put: %v", err)
	}
}

func TestEndpointsThatAreNoBlobService(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte("<html><body>a web site</body></html>"))
	}))
	t.Cleanup(page.Close)
	missing := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(missing.Close)
	tests := []struct {
		name, url string
		want      error
	}{
		{"nobody listens", "http://" + closed.Addr().String(), blob.ErrTransient},
		{"a web site", page.URL, blob.ErrTransient},
		{"a web site without the page", missing.URL, blob.ErrTransient},
		{"no TLS", strings.Replace(page.URL, "http:", "https:", 1), blob.ErrUnexpected},
	}
	for _, tt := range tests {
		c := openURL(t, tt.url+"/acct/data", azure.Retry{Tries: 2})
		_, err := c.List(t.Context(), "", "")
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
		if err != nil && strings.Contains(err.Error(), "sig") {
			t.Errorf("%s: the error holds the SAS: %v", tt.name, err)
		}
	}
}

func TestRedactHidesWhatLooksLikeASecret(t *testing.T) {
	tests := []string{
		"Put https://acct.blob.core.windows.net/c/b?sv=1&sig=topsecret: EOF",
		`Get "https://acct/c?topsecret": dial`,
		"signature sig=topsecret&se=1 refused",
		"DefaultEndpointsProtocol=https;AccountName=a;AccountKey=topsecret;EndpointSuffix=x",
		"BlobEndpoint=https://x/;SharedAccessSignature=sv=1&sig=topsecret",
		"Authorization: SharedKey acct:topsecret",
		"authorization: bearer topsecret",
		"grant_type=x&client_secret=topsecret&y=z",
	}
	for _, text := range tests {
		if got := azure.Redact(text); strings.Contains(got, "topsecret") {
			t.Errorf("redact(%q) is %q", text, got)
		}
	}
	const plain = "dial tcp 127.0.0.1:10000: connect: connection refused"
	if got := azure.Redact(plain); got != plain {
		t.Errorf("redact(%q) is %q", plain, got)
	}
}
