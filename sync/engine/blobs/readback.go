package blobs

import (
	"context"
	"errors"
	"fmt"

	"clfsload/clfs"
	"clfsload/clfs/compression"
	"clfsload/clfs/object"
	"clfsload/state"
	"clfsload/sync/blob"
	"clfsload/sync/tree"
)

const (
	// maxInodePayload bounds the decompressed size of an inode, in bytes.
	maxInodePayload = 1 << 20
	// fetches is how many segments are read back at a time; each takes up to three
	// times its size.
	fetches = 8
)

// Head returns the first bytes, 16384 or less, of a file whose contents were uploaded:
// those of the contents that were uploaded last. They are in the inode that the
// journal keeps for the next publication, or else in the one in the container.
func (s *Store) Head(ctx context.Context, n state.Node) ([]byte, error) {
	return s.newest(ctx, n, func(n state.Node) ([]byte, error) {
		if n.Flags&state.BaseMap != 0 {
			return s.baseBlock(ctx, n, 0)
		}
		o, err := s.newestInode(ctx, n)
		if err != nil {
			return nil, err
		}
		return o.Data, nil
	})
}

// newest reads of the newest payload of a node, which may be published or replaced meanwhile.
func (s *Store) newest(ctx context.Context, n state.Node, read func(state.Node) ([]byte, error)) ([]byte, error) {
	for {
		data, err := read(n)
		if !errors.Is(err, blob.ErrNotFound) && !tree.IsMissing(err) {
			return data, err
		}
		now, rowErr := s.journal.Node(ctx, n.Ino)
		if rowErr != nil || now.ImageGen == n.ImageGen && now.PutVersion == n.PutVersion && now.PutOwner == n.PutOwner {
			return nil, err
		}
		n = now
	}
}

// newestInode reads the inode that has the contents of a node as they were uploaded
// last.
func (s *Store) newestInode(ctx context.Context, n state.Node) (*object.Inode, error) {
	if n.ImageGen == 0 {
		return s.StoredInode(ctx, n)
	}
	image, err := s.journal.Image(ctx, n.Ino)
	if err != nil {
		return nil, err
	}
	if image == nil {
		return nil, fmt.Errorf("inode %d: the journal keeps none: %w", n.Ino, blob.ErrNotFound)
	}
	return DecodeImage(n, image)
}

// DecodeImage decodes an inode that the journal has kept.
func DecodeImage(n state.Node, image []byte) (*object.Inode, error) {
	o, err := object.DecodeInode(image)
	if err != nil {
		return nil, fmt.Errorf("inode %d: %w: %w", n.Ino, state.ErrDamaged, err)
	}
	return o, nil
}

// StoredInode reads the inode of a node that is in the container.
func (s *Store) StoredInode(ctx context.Context, n state.Node) (*object.Inode, error) {
	if n.PutVersion == 0 {
		return nil, fmt.Errorf("inode %d: %w: it is not in the container", n.Ino, ErrDamaged)
	}
	name := n.PutName()
	var o *object.Inode
	err := s.Fetch(ctx, name, maxInodePayload, func(payload []byte) (err error) {
		if o, err = object.DecodeInode(payload); err != nil {
			return clfs.WithObject(err, name)
		}
		return checkInode(n, o, name)
	})
	return o, err
}

// checkInode returns errDamaged unless an inode can be a node's, with its head.
func checkInode(n state.Node, o *object.Inode, name string) error {
	if o.ID() != n.ID || o.Attr.Type != n.Attr.Type {
		return fmt.Errorf("%s: %w: it says that it is the %s %s", name, ErrDamaged, o.Attr.Type, o.ID())
	}
	odd := n.Flags&state.Unfaithful != 0
	if have, want := uint64(len(o.Data)), min(o.Attr.Size, clfs.FirstSegmentBytes); o.Attr.Type == clfs.TypeRegular && have != want && !odd {
		return fmt.Errorf("%s: %w: it has %d bytes of contents, not %d", name, ErrDamaged, have, want)
	}
	return nil
}

// Block returns the contents of a block of a file, 1 or higher, that was uploaded
// under a generation; 0 of a file with a BaseMap: that its newest payload has.
func (s *Store) Block(ctx context.Context, n state.Node, index, gen uint64) ([]byte, error) {
	if err := s.fetching.Acquire(ctx, 1); err != nil {
		return nil, context.Cause(ctx)
	}
	defer s.fetching.Release(1)
	if n.Flags&state.BaseMap != 0 && gen == 0 {
		return s.newest(ctx, n, func(n state.Node) ([]byte, error) { return s.baseBlock(ctx, n, index) })
	}
	id := clfs.SegmentID(s.journal.Settings.Key, n.ID, gen, index-1)
	name := clfs.ObjectName(id, n.ID, clfs.TypeSegment, clfs.FirstVersion)
	var segment object.Segment
	err := s.Fetch(ctx, name, object.MaxSegmentPayload, func(payload []byte) (err error) {
		if segment, err = object.DecodeSegment(payload); err != nil {
			return clfs.WithObject(err, name)
		}
		return checkBlock(n, name, index, segment)
	})
	return segment.Data, err
}

// checkBlock compares what a segment says about itself with the block of a file that it
// must be.
func checkBlock(n state.Node, name string, index uint64, s object.Segment) error {
	offset, length := state.BlockRange(index)
	switch {
	case s.Owner != n.ID || s.IsDirectory:
		return fmt.Errorf("%s: %w: it says that it belongs to %s", name, ErrDamaged, s.Owner)
	case s.Offset != uint64(offset):
		return fmt.Errorf("%s: %w: it says that it starts at %d, not at %d", name, ErrDamaged, s.Offset, offset)
	case int64(len(s.Data)) != length && offset+int64(len(s.Data)) != n.Attr.Size:
		// The size that the row has of a file that is being written may be older
		// than a block, but then the block is a full one.
		return fmt.Errorf("%s: %w: it has %d bytes", name, ErrDamaged, len(s.Data))
	}
	return nil
}

// Fetch reads a blob, compares it with the MD5 that is kept with it, and has its payload
// decoded. What is found wrong is believed when the blob was read again.
func (s *Store) Fetch(ctx context.Context, name string, most int, decode func(payload []byte) error) error {
	get := func(ctx context.Context) (blob.Object, error) {
		o, err := s.container.Get(ctx, name, 0, int64(compression.Bound(most)))
		if err != nil {
			return o, fmt.Errorf("get %s: %w", name, err)
		}
		return o, nil
	}
	_, err := blob.ReadChecked(ctx, get, func(o blob.Object) error {
		if err := blob.CheckMD5(o); err != nil {
			return fmt.Errorf("%s: %w: %w", name, ErrDamaged, err)
		}
		payload, _, err := compression.Unpack(o.Data, most)
		if err != nil {
			return clfs.WithObject(err, name)
		}
		return decode(payload)
	})
	return err
}
