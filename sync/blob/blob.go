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
	// ErrThrottled: the service asks for fewer requests; to be repeated after a pause.
	ErrThrottled = errors.New("throttled by the service")
	// ErrTransient: a time-out, a cut connection or a server's error; to be repeated.
	// Whether the operation took effect is not known.
	ErrTransient = errors.New("temporary failure")
	// ErrChecksum: the bytes that arrived are not those that were sent. Nothing was stored.
	ErrChecksum = errors.New("checksum mismatch")
	// ErrNoSpace: the place is full.
	ErrNoSpace = errors.New("no space left")
	// ErrUnexpected: what no other error covers, an answer that makes no sense, a
	// certificate that nobody trusts, a broken disk. Repeating is not expected to help.
	ErrUnexpected = errors.New("unexpected failure")
	// ErrLeased: somebody else holds the blob's lease.
	ErrLeased = errors.New("leased by another process")
	// ErrEndlessLease: likewise, and the lease does not end by itself.
	ErrEndlessLease = errors.New("the lease does not expire")
	// ErrLeaseLost: the caller's own lease ended or was broken, and somebody else may
	// have taken it since.
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
	Data []byte // the caller's to keep and change

	// Checked: Data is the whole blob and was compared with MD5 already.
	Checked bool
}

// Page is a part of a listing.
type Page struct {
	Blobs []Info
	Next  string // the marker of the next page; empty: this was the last
}

// MaxWhole is how many bytes a Get without a length reads at most. A larger blob is an
// error.
const MaxWhole = 64 << 20

// MaxPage is how many blobs a Page holds at most.
const MaxPage = 5000

// Container is a flat set of named blobs. All methods may be called from many
// goroutines at a time, and all may be repeated after an error: the outcome is
// that of one call.
type Container interface {
	// Put stores data under name and replaces the blob that was there.
	//
	// It is atomic: a reader sees the blob of before or all of the new one, also
	// when the process dies in the middle and after an error. When Put returns nil,
	// every later Get and List sees the blob. Between concurrent Puts of one
	// name, one of them wins entirely. The bytes are checked on their way by
	// a checksum, and an MD5 is stored with the blob where the place can.
	// Data is read until Put returns and not kept; it must not change before.
	Put(ctx context.Context, name string, data []byte) error

	// Get reads length bytes from offset on; with a negative length, all that
	// follow, MaxWhole at most. What lies behind the blob's end is left out, so Data may be
	// shorter than asked for, and is empty for an offset at or past the end.
	// Get(ctx, name, 0, 0) tells Info alone. Get does not compare Data with MD5.
	Get(ctx context.Context, name string, offset, length int64) (Object, error)

	// Delete removes the blob. That there is none is no error.
	Delete(ctx context.Context, name string) error

	// List names the blobs whose names begin with prefix, in byte order, from
	// marker on: empty for the first page, then Next of the page before. A page
	// holds at most MaxPage blobs, and may hold none although Next is set. A
	// blob that is put or deleted while the listing goes on may be in it or not;
	// all others are in it exactly once.
	List(ctx context.Context, prefix, marker string) (Page, error)

	// String names the container in messages. It holds no secret.
	String() string
}

// Syncer is implemented by containers whose Put does not by itself survive a
// power cut: until Sync, a cut may take the blob away, bring the one of before
// back, or leave a part of it.
type Syncer interface {
	// Sync returns when all blobs that were put, and deletes that were done,
	// before the call are durable.
	Sync(ctx context.Context) error
}

// Sync makes durable what c has acknowledged. It does nothing for containers
// that are no Syncer: they are durable at Put.
func Sync(ctx context.Context, c Container) error {
	if s, ok := c.(Syncer); ok {
		return s.Sync(ctx)
	}
	return nil
}

// WholePutter is implemented by those Syncers that can put a blob of which no power cut
// leaves a part.
type WholePutter interface {
	// PutWhole is Put, but the blob has its name only once its bytes are durable. The
	// name itself is durable with the next Sync, as with Put. It costs a wait for the disk.
	PutWhole(ctx context.Context, name string, data []byte) error
}

// PutWhole puts a blob that readers use from then on. With containers that are no
// WholePutter it is Put.
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
