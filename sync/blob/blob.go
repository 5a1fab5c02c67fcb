package blob

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// The kinds of failure. Errors of every Container wrap one of these.
var (
	// ErrNotFound: the container has no blob of that name.
	ErrNotFound = errors.New("blob not found")
	// ErrContainerMissing: the container itself does not exist.
	ErrContainerMissing = errors.New("container does not exist")
	// ErrCredentials: the service does not accept the credentials, or they have expired.
	ErrCredentials = errors.New("credentials refused")
	// ErrPermission: the credentials are good, but do not allow the operation.
	ErrPermission = errors.New("permission denied")
	// ErrThrottled: the service asks for fewer requests; retry after a pause.
	ErrThrottled = errors.New("throttled by the service")
	// ErrTransient: a time-out, a cut connection or a server's error; retry. Whether the operation
	// took effect is not known.
	ErrTransient = errors.New("temporary failure")
	// ErrChecksum: the received bytes differ from the sent ones. Nothing was stored.
	ErrChecksum = errors.New("checksum mismatch")
	// ErrNoSpace: the place is full.
	ErrNoSpace = errors.New("no space left")
	// ErrUnexpected: any other failure: an answer that makes no sense, an untrusted certificate, a
	// broken disk. A retry is not expected to help.
	ErrUnexpected = errors.New("unexpected failure")
	// ErrLeased: another process holds the blob's lease.
	ErrLeased = errors.New("leased by another process")
	// ErrEndlessLease: likewise, and the lease does not expire.
	ErrEndlessLease = errors.New("the lease does not expire")
	// ErrLeaseLost: the caller's own lease ended or was broken, and another process may have taken
	// it since.
	ErrLeaseLost = errors.New("lease lost")
	// ErrName: the name cannot be a blob's; see CheckName.
	ErrName = errors.New("invalid blob name")
)

// Info describes a blob.
type Info struct {
	Name string
	Size int64  // of the whole blob, in bytes
	MD5  []byte // of the whole blob, 16 bytes; nil where none is kept
}

// Object is a blob, or a part of one, that was read.
type Object struct {
	Info
	Data []byte // the caller may keep and change it

	// Checked: Data is the whole blob and was already compared with MD5.
	Checked bool
}

// Page is a part of a listing.
type Page struct {
	Blobs []Info
	Next  string // the marker of the next page; empty: this was the last
}

// MaxWhole is the maximum of bytes that a Get without a length reads. A larger blob is an error.
const MaxWhole = 64 << 20

// MaxPage is the maximum of blobs in a Page.
const MaxPage = 5000

// Container is a flat set of named blobs. All methods may be called from many goroutines at a time,
// and all may be retried after an error: the outcome is that of one call.
type Container interface {
	// Put stores data under name and replaces an existing blob.
	//
	// It is atomic: a reader sees the old blob or all of the new one, also if the process dies in
	// the middle and after an error. When Put returns nil, every later Get and List sees the blob.
	// Of concurrent Puts of one name, one wins entirely. A checksum protects the bytes in transit,
	// and an MD5 is stored with the blob if the place can. Data is read until Put returns and not
	// kept; it must not change before.
	Put(ctx context.Context, name string, data []byte) error

	// Get reads length bytes from offset on; with a negative length, all that follow, MaxWhole at
	// most. Data ends at the blob's end, so it may be shorter than length, and is empty for an
	// offset at or past the end. Get(ctx, name, 0, 0) returns only Info. Get does not compare Data
	// with MD5.
	Get(ctx context.Context, name string, offset, length int64) (Object, error)

	// Delete removes the blob. A missing blob is not an error.
	Delete(ctx context.Context, name string) error

	// List returns the blobs whose names begin with prefix, in byte order, from marker on: empty
	// for the first page, then Next of the page before. A page holds at most MaxPage blobs, and may
	// hold none although Next is set. A blob that is put or deleted during the listing may be in it
	// or not; all others are in it exactly once.
	List(ctx context.Context, prefix, marker string) (Page, error)

	// String names the container in messages. It contains no secret.
	String() string
}

// Syncer is implemented by containers whose Put alone does not survive a power cut. Until Sync, a
// power cut may remove the blob, restore the old one, or leave a part of the new one.
type Syncer interface {
	// Sync returns when all earlier puts and deletes are durable.
	Sync(ctx context.Context) error
}

// Sync makes acknowledged puts and deletes of c durable. It does nothing for containers that are no
// Syncer: they are durable at Put.
func Sync(ctx context.Context, c Container) error {
	if s, ok := c.(Syncer); ok {
		return s.Sync(ctx)
	}
	return nil
}

// WholePutter is implemented by Syncers that can put a blob so that no power cut leaves a part of
// it.
type WholePutter interface {
	// PutWhole is Put, but the blob has its name only once its bytes are durable. The
	// name itself is durable with the next Sync, as with Put. It costs a wait for the disk.
	PutWhole(ctx context.Context, name string, data []byte) error
}

// PutWhole puts a blob that readers use from then on. For containers that are no WholePutter it is
// Put.
func PutWhole(ctx context.Context, c Container, name string, data []byte) error {
	if w, ok := c.(WholePutter); ok {
		return w.PutWhole(ctx, name, data)
	}
	return c.Put(ctx, name, data)
}

// maxName is the longest name that every kind of container can hold: a file
// name on the usual file systems.
const maxName = 255

// CheckName returns an error that wraps ErrName unless every kind of container
// can hold a blob of that name: 1 to 255 bytes, no slash or backslash, no NUL, no
// dot at the beginning or the end. Put, Get and Delete refuse other names.
func CheckName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("%w: empty", ErrName)
	case len(name) > maxName:
		return fmt.Errorf("%w: %d bytes long", ErrName, len(name))
	case name[0] == '.' || name[len(name)-1] == '.':
		return fmt.Errorf("%w %q: dot at the beginning or end", ErrName, name)
	case strings.ContainsAny(name, "/\\\x00"):
		return fmt.Errorf("%w %q: slash, backslash or NUL", ErrName, name)
	}
	return nil
}
