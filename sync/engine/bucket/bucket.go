package bucket

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"clfsload/clfs"
	"clfsload/clfs/compression"
	"clfsload/clfs/object"
	"clfsload/state"
	"clfsload/sync/blob"
	"clfsload/sync/engine/blobs"
)

var (
	// ErrNotEmpty: a new transfer needs an empty container.
	ErrNotEmpty = errors.New("container is not empty")
	// ErrForeign: the container is not the one that the journal belongs to.
	ErrForeign = errors.New("container does not belong to this journal")
)

// Name is the blob of the bucket object, which a process that writes to a
// container holds the lease of.
var Name = clfs.ObjectName(clfs.BucketID, clfs.BucketID, clfs.TypeSpecial, clfs.FirstVersion)

const maxBucketPayload = 1 << 20

// CheckEmpty returns ErrNotEmpty when the container has a blob other than those
// that are named.
func CheckEmpty(ctx context.Context, c blob.Container, but ...string) error {
	for info, err := range blob.All(ctx, c, "") {
		if err != nil {
			return fmt.Errorf("look into %s: %w", c, err)
		}
		if !slices.Contains(but, info.Name) {
			return fmt.Errorf("%s: %w: it has %s", c, ErrNotEmpty, info.Name)
		}
	}
	return nil
}

// Object is the bucket object of the container of a journal: it says which journal the
// container belongs to, and which publication it holds.
type Object struct {
	Journal   *state.Journal
	Container blob.Container
	Store     *blobs.Store
	StateName string // host and path of STATE
	Live      bool   // the namespace is that of a mount
}

// Read returns the container's bucket object, or ErrForeign unless it is the
// one that this journal has put there, and ErrOtherPublication unless the journal
// knows the publication that it names.
func (o *Object) Read(ctx context.Context) (object.Bucket, error) {
	var b object.Bucket
	err := o.Store.Fetch(ctx, Name, maxBucketPayload, func(payload []byte) (err error) {
		b, err = object.DecodeBucket(payload)
		return clfs.WithObject(err, Name)
	})
	var format *clfs.FormatError
	switch {
	case errors.Is(err, blob.ErrNotFound):
		return object.Bucket{}, fmt.Errorf("%s: %w: it has no bucket object", o.Container, ErrForeign)
	case errors.As(err, &format), errors.Is(err, blobs.ErrDamaged), errors.Is(err, compression.ErrEncrypted):
		return object.Bucket{}, fmt.Errorf("%s: %w: %w", o.Container, ErrForeign, err)
	case err != nil:
		return object.Bucket{}, fmt.Errorf("bucket object: %w", err)
	}
	if b.UUID != o.Journal.Settings.BucketUUID {
		return object.Bucket{}, fmt.Errorf("%s: %w: its bucket is %s, the journal's %s",
			o.Container, ErrForeign, b.UUID, o.Journal.Settings.BucketUUID)
	}
	return b, o.checkMark(ctx, b)
}

// Put replaces the bucket object.
func (o *Object) Put(ctx context.Context, b object.Bucket) error {
	packed := compression.Pack(nil, b.Append(nil), o.Journal.Settings.Compression)
	if err := o.Store.PutInReach(ctx, Name, packed); err != nil {
		return fmt.Errorf("put bucket object: %w", err)
	}
	return blob.Sync(ctx, o.Container)
}
