package azure

import (
	"context"
	"crypto/tls"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"

	"clfsload/sync/blob"
	"clfsload/sync/blob/secrecy"
)

// kinds maps the service's error codes to errors of package blob.
var kinds = map[bloberror.Code]error{
	bloberror.BlobNotFound: blob.ErrNotFound,

	bloberror.ContainerNotFound:     blob.ErrContainerMissing,
	bloberror.ContainerBeingDeleted: blob.ErrContainerMissing,

	bloberror.AuthenticationFailed:        blob.ErrCredentials,
	bloberror.InvalidAuthenticationInfo:   blob.ErrCredentials,
	bloberror.NoAuthenticationInformation: blob.ErrCredentials,
	// From Azure: not from this network. From Azurite: a signature that is wrong. In both cases the
	// cause is the caller or its network, not a permission.
	bloberror.AuthorizationFailure:       blob.ErrCredentials,
	"PublicAccessNotPermitted":           blob.ErrCredentials,
	"KeyBasedAuthenticationNotPermitted": blob.ErrCredentials,

	bloberror.AccountIsDisabled:        blob.ErrPermission,
	bloberror.BlobImmutableDueToPolicy: blob.ErrPermission,

	bloberror.ServerBusy: blob.ErrThrottled,

	bloberror.InternalError:       blob.ErrTransient,
	bloberror.OperationTimedOut:   blob.ErrTransient,
	bloberror.AccountBeingCreated: blob.ErrTransient,
	bloberror.ConditionNotMet:     blob.ErrTransient, // the blob was replaced while it was read

	bloberror.MD5Mismatch: blob.ErrChecksum,

	bloberror.LeaseAlreadyPresent:                blob.ErrLeased,
	bloberror.LeaseIsBreakingAndCannotBeAcquired: blob.ErrLeased,
	bloberror.LeaseIDMissing:                     blob.ErrLeased,

	bloberror.LeaseIDMismatchWithBlobOperation:  blob.ErrLeaseLost,
	bloberror.LeaseIDMismatchWithLeaseOperation: blob.ErrLeaseLost,
	bloberror.LeaseIsBreakingAndCannotBeChanged: blob.ErrLeaseLost,
	bloberror.LeaseIsBrokenAndCannotBeRenewed:   blob.ErrLeaseLost,
	bloberror.LeaseLost:                         blob.ErrLeaseLost,
	bloberror.LeaseNotPresentWithBlobOperation:  blob.ErrLeaseLost,
	bloberror.LeaseNotPresentWithLeaseOperation: blob.ErrLeaseLost,
}

// statusKinds is used for codes that are not in kinds.
var statusKinds = map[int]error{
	http.StatusUnauthorized:        blob.ErrCredentials,
	http.StatusForbidden:           blob.ErrPermission,
	http.StatusNotFound:            blob.ErrNotFound,
	http.StatusRequestTimeout:      blob.ErrTransient,
	http.StatusTooManyRequests:     blob.ErrThrottled,
	http.StatusInternalServerError: blob.ErrTransient,
	http.StatusBadGateway:          blob.ErrTransient,
	http.StatusServiceUnavailable:  blob.ErrTransient,
	http.StatusGatewayTimeout:      blob.ErrTransient,
}

// wrap turns an error of the SDK into one of package blob. It keeps only some text of the SDK's
// error, which refers to the whole request, with its signature.
func (a *access) wrap(ctx context.Context, err error) error {
	if ctxErr := ctx.Err(); ctxErr != nil {
		return ctxErr
	}
	var response *azcore.ResponseError
	if errors.As(err, &response) {
		kind := responseKind(response)
		if kind == blob.ErrPermission && sasExpired(a.sas, time.Now()) {
			kind = blob.ErrCredentials // some services do not distinguish the two
		}
		return blob.After(retryAfter(response.RawResponse, time.Now()), fmt.Errorf("%w: %s", kind, describe(response)))
	}
	var record tls.RecordHeaderError
	if errors.Is(err, http.ErrSchemeMismatch) || errors.As(err, &record) {
		return fmt.Errorf("%w: %w", blob.ErrUnexpected, ErrPlainHTTP)
	}
	return fmt.Errorf("%w: %s", failureKind(err), oneLine(redact(err.Error())))
}

// ErrPlainHTTP: the container's URL begins with https, but the server there does not speak TLS.
var ErrPlainHTTP = errors.New("the service does not speak https at this address")

func responseKind(r *azcore.ResponseError) error {
	if kind, ok := kinds[bloberror.Code(r.ErrorCode)]; ok {
		return kind
	}
	if kind, ok := statusKinds[r.StatusCode]; ok {
		return kind
	}
	if r.StatusCode < http.StatusBadRequest { // a success, but of another request
		return blob.ErrTransient
	}
	return blob.ErrUnexpected
}

// failureKind is for errors that are not an answer of the service.
func failureKind(err error) error {
	var connection connectionError
	var endpoint endpointError
	var network net.Error
	var errno syscall.Errno
	var token tokenError
	switch {
	case errors.As(err, &endpoint):
		return blob.ErrUnexpected
	case errors.As(err, &token):
		return tokenKind(token)
	case errors.As(err, &connection), errors.As(err, &network), errors.As(err, &errno),
		errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, context.DeadlineExceeded):
		return blob.ErrTransient
	}
	return blob.ErrUnexpected
}

// tokenKind distinguishes a refused login from a login service that is out of order.
func tokenKind(err tokenError) error {
	var login *azidentity.AuthenticationFailedError
	if errors.As(err, &login) && login.RawResponse != nil {
		if kind := statusKinds[login.RawResponse.StatusCode]; kind == blob.ErrTransient || kind == blob.ErrThrottled {
			return kind
		}
	}
	return blob.ErrCredentials
}

// retryAfter is the pause that an answer requests, 0 if none: in the header Retry-After, RFC 9110
// section 10.2.3, or in the additional headers of Azure's services.
func retryAfter(r *http.Response, now time.Time) time.Duration {
	if r == nil {
		return 0
	}
	for _, header := range []struct {
		name string
		unit time.Duration
	}{{"x-ms-retry-after-ms", time.Millisecond}, {"Retry-After-Ms", time.Millisecond}, {"Retry-After", time.Second}} {
		text := r.Header.Get(header.name)
		if n, err := strconv.ParseUint(text, 10, 31); err == nil {
			return time.Duration(n) * header.unit
		}
		if at, err := http.ParseTime(text); err == nil {
			return max(0, at.Sub(now))
		}
	}
	return 0
}

// describe returns the status, the code, the dates of an invalid SAS, and the number by which the
// service's operators find the request.
func describe(r *azcore.ResponseError) string {
	var text strings.Builder
	fmt.Fprintf(&text, "status %d", r.StatusCode)
	if r.ErrorCode != "" {
		fmt.Fprintf(&text, " %s", oneLine(redact(r.ErrorCode)))
	}
	if r.RawResponse == nil {
		return text.String()
	}
	if dates := sasDates(r.RawResponse); dates != "" {
		fmt.Fprintf(&text, " (%s)", oneLine(redact(dates)))
	}
	if id := r.RawResponse.Header.Get("x-ms-request-id"); id != "" {
		fmt.Fprintf(&text, ", request %s", oneLine(redact(id)))
	}
	return text.String()
}

var datesPattern = regexp.MustCompile(`Start \[[^\]]*\] - Expiry \[[^\]]*\] - Current \[[^\]]*\]`)

// sasDates finds the service's text about a SAS that is not valid at this time.
func sasDates(resp *http.Response) string {
	body, err := runtime.Payload(resp)
	if err != nil {
		return ""
	}
	var detail struct{ AuthenticationErrorDetail string }
	if xml.Unmarshal(body, &detail) != nil {
		return ""
	}
	return datesPattern.FindString(detail.AuthenticationErrorDetail)
}

// queries finds the queries of URLs.
var queries = regexp.MustCompile(`\?[^\s"']*`)

// redact replaces possible secrets in a text.
func redact(text string) string {
	return secrecy.Text(queries.ReplaceAllString(text, "[secret]"))
}

// maxText is the maximum of bytes of a foreign text in a message.
const maxText = 500

func oneLine(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	return text[:min(len(text), maxText)]
}
