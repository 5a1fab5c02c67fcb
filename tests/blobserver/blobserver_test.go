package blobserver_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/lease"

	"clfsload/tests/blobserver"
)

// open returns the SDK's client of a new container, which does not repeat requests.
func open(t *testing.T) (*blobserver.Server, *container.Client) {
	t.Helper()
	s := blobserver.Start(t)
	options := &container.ClientOptions{}
	options.Retry.MaxRetries = -1
	c, err := container.NewClientWithNoCredential(s.NewContainer("data"), options)
	if err != nil {
		t.Fatal(err)
	}
	return s, c
}

func put(ctx context.Context, c *container.Client, name, data, leaseID string) error {
	options := &blockblob.UploadOptions{}
	if leaseID != "" {
		options.AccessConditions = &blob.AccessConditions{LeaseAccessConditions: &blob.LeaseAccessConditions{LeaseID: &leaseID}}
	}
	_, err := c.NewBlockBlobClient(name).Upload(ctx, streaming.NopCloser(strings.NewReader(data)), options)
	return err
}

func wantCode(t *testing.T, what string, err error, code bloberror.Code) {
	t.Helper()
	if code == "" && err != nil || code != "" && !bloberror.HasCode(err, code) {
		t.Errorf("%s: error %v, want code %q", what, err, code)
	}
}

func TestLeaseKeepsOthersFromWriting(t *testing.T) {
	_, c := open(t)
	ctx := t.Context()
	wantCode(t, "put", put(ctx, c, "bucket", "1", ""), "")
	const mine, other = "11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"
	first, err := lease.NewBlobClient(c.NewBlobClient("bucket"), &lease.BlobClientOptions{LeaseID: to.Ptr(mine)})
	if err != nil {
		t.Fatal(err)
	}
	second, err := lease.NewBlobClient(c.NewBlobClient("bucket"), &lease.BlobClientOptions{LeaseID: to.Ptr(other)})
	if err != nil {
		t.Fatal(err)
	}
	_, err = first.AcquireLease(ctx, 30, nil)
	wantCode(t, "acquire", err, "")
	_, err = second.AcquireLease(ctx, 30, nil)
	wantCode(t, "acquire of a second", err, bloberror.LeaseAlreadyPresent)
	wantCode(t, "put without lease", put(ctx, c, "bucket", "2", ""), bloberror.LeaseIDMissing)
	wantCode(t, "put with the other's lease", put(ctx, c, "bucket", "2", other), bloberror.LeaseIDMismatchWithBlobOperation)
	wantCode(t, "put with the lease", put(ctx, c, "bucket", "2", mine), "")
	_, err = c.NewBlobClient("bucket").Delete(ctx, nil)
	wantCode(t, "delete without lease", err, bloberror.LeaseIDMissing)
	_, err = first.RenewLease(ctx, nil)
	wantCode(t, "renew", err, "")
	_, err = second.RenewLease(ctx, nil)
	wantCode(t, "renew by the other", err, bloberror.LeaseIDMismatchWithLeaseOperation)
	_, err = second.BreakLease(ctx, &lease.BlobBreakOptions{BreakPeriod: to.Ptr(int32(0))})
	wantCode(t, "break", err, "")
	_, err = first.RenewLease(ctx, nil)
	wantCode(t, "renew of a broken lease", err, bloberror.LeaseIsBrokenAndCannotBeRenewed)
	wantCode(t, "put with a broken lease", put(ctx, c, "bucket", "3", mine), bloberror.LeaseNotPresentWithBlobOperation)
	_, err = second.AcquireLease(ctx, -1, nil)
	wantCode(t, "acquire after the break", err, "")
	_, err = second.ReleaseLease(ctx, nil)
	wantCode(t, "release", err, "")
	wantCode(t, "put after the release", put(ctx, c, "bucket", "4", ""), "")
}

func TestLeaseInBreakingStillKeepsOthersOut(t *testing.T) {
	_, c := open(t)
	ctx := t.Context()
	wantCode(t, "put", put(ctx, c, "bucket", "1", ""), "")
	first, err := lease.NewBlobClient(c.NewBlobClient("bucket"), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = first.AcquireLease(ctx, -1, nil)
	wantCode(t, "acquire", err, "")
	_, err = first.BreakLease(ctx, &lease.BlobBreakOptions{BreakPeriod: to.Ptr(int32(60))})
	wantCode(t, "break", err, "")
	wantCode(t, "put while it breaks", put(ctx, c, "bucket", "2", ""), bloberror.LeaseIDMissing)
	second, err := lease.NewBlobClient(c.NewBlobClient("bucket"), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = second.AcquireLease(ctx, 15, nil)
	wantCode(t, "acquire while it breaks", err, bloberror.LeaseIsBreakingAndCannotBeAcquired)
}

func TestFaultsAreMetByTheRequestsThatMatch(t *testing.T) {
	s, c := open(t)
	ctx := t.Context()
	s.Fail(
		blobserver.Fault{Operation: "Put", Prefix: "b", Skip: 1, Times: 2, Status: 503, Code: "ServerBusy"},
		blobserver.Fault{Operation: "Put", Prefix: "c", Cut: true, After: true},
		blobserver.Fault{Operation: "Get", Status: 500, Code: "InternalError"},
	)
	wantCode(t, "put a", put(ctx, c, "a", "1", ""), "")
	wantCode(t, "put b", put(ctx, c, "b", "1", ""), "")
	wantCode(t, "put b again", put(ctx, c, "b", "2", ""), bloberror.ServerBusy)
	wantCode(t, "put b again", put(ctx, c, "b2", "2", ""), bloberror.ServerBusy)
	wantCode(t, "put b again", put(ctx, c, "b", "3", ""), "")
	var response *azcore.ResponseError
	if err := put(ctx, c, "c", "whole", ""); err == nil || errors.As(err, &response) {
		t.Errorf("put whose connection is cut: %v", err)
	}
	if got := download(t, c, "c"); got != "" {
		t.Errorf("get that is to fail returned %q", got)
	}
	if got := download(t, c, "c"); got != "whole" {
		t.Errorf("after an answer that was lost, get returned %q", got)
	}
	s.Check(t)
	if n := s.Counts().Requests["Put"]; n != 6 {
		t.Errorf("%d Puts were counted, want 6", n)
	}
}

// download returns what could be read of a blob.
func download(t *testing.T, c *container.Client, name string) string {
	t.Helper()
	answer, err := c.NewBlobClient(name).DownloadStream(t.Context(), nil)
	if err != nil {
		return ""
	}
	defer answer.Body.Close()
	var b bytes.Buffer
	_, _ = io.Copy(&b, answer.Body)
	return b.String()
}

func TestCutGetSendsHalfOfTheData(t *testing.T) {
	s, c := open(t)
	wantCode(t, "put", put(t.Context(), c, "a", "12345678", ""), "")
	s.Fail(blobserver.Fault{Operation: "Get", Cut: true, After: true})
	if got := download(t, c, "a"); got != "1234" {
		t.Errorf("get returned %q", got)
	}
}

func TestHangEndsWithTheClient(t *testing.T) {
	s, c := open(t)
	s.Fail(blobserver.Fault{Operation: "Put", Hang: true})
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := put(ctx, c, "a", "1", ""); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("put: %v", err)
	}
	s.Check(t)
}

func TestAcceptOnlyRefusesOthers(t *testing.T) {
	s, c := open(t)
	s.AcceptOnly("sig=new")
	wantCode(t, "put", put(t.Context(), c, "a", "1", ""), bloberror.AuthenticationFailed)
	resp, err := http.Get(c.URL() + "?restype=container&comp=list&sig=new")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("request with the secret: %s", resp.Status)
	}
	s.AcceptOnly("")
	wantCode(t, "put", put(t.Context(), c, "a", "1", ""), "")
}
