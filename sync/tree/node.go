package tree

import (
	"bytes"
	"context"
	"errors"

	"clfsload/clfs"
	"clfsload/clfs/object"
)

// A Node is an inode that was read.
type Node struct {
	Object
	Inode   *object.Inode
	Payload []byte // the records that Inode was decoded from, and that it aliases
}

// Type is the file type in the attributes; the type in the blob's name is 12 for a file with
// several links.
func (n *Node) Type() clfs.Type { return n.Inode.Attr.Type }

// IsDir reports whether the node is a directory.
func (n *Node) IsDir() bool { return n.Type() == clfs.TypeDirectory }

// Target is the target of a symbolic link, nil for any other inode.
func (n *Node) Target() []byte {
	if n.Type() != clfs.TypeSymlink {
		return nil
	}
	return n.Inode.Data
}

// Node reads the live version of an inode.
func (t *Tree) Node(ctx context.Context, id clfs.ID) (*Node, error) {
	var n Node
	o, payload, err := t.fetch(ctx, id, maxInodePayload, n.decode)
	return t.completed(&n, o, payload, err)
}

// Renew returns n if it still is the live version of its inode, and otherwise reads the live one.
// If nothing has changed, that costs one listing. Names alone are not proof: after a publication
// that was cut off, the next one may put a version again under the same name. If the service keeps
// no MD5, the blob is read.
func (t *Tree) Renew(ctx context.Context, n *Node) (*Node, error) {
	o, err := t.Find(ctx, n.ID)
	if err != nil {
		return nil, err
	}
	if o.Blob == n.Blob && o.Size == n.Size && len(o.MD5) > 0 && bytes.Equal(o.MD5, n.MD5) {
		return n, nil
	}
	var live Node
	o, payload, err := t.fetchFound(ctx, o, maxInodePayload, live.decode)
	if err == nil && o.Blob == n.Blob && bytes.Equal(payload, n.Payload) {
		return n, nil
	}
	return t.completed(&live, o, payload, err)
}

// Load reads the inode in the blob o.
func (t *Tree) Load(ctx context.Context, o Object) (*Node, error) {
	var n Node
	payload, err := t.payload(ctx, o, maxInodePayload, n.decode)
	return t.completed(&n, o, payload, err)
}

// decode is a [decoder] of inodes.
func (n *Node) decode(o Object, payload []byte) error {
	in, err := object.DecodeInode(payload)
	if err != nil {
		return BadObject(err, o.Blob)
	}
	n.Object, n.Inode = o, in
	return n.checkOwnID()
}

// completed returns a node whose blob was read, with an error or without.
func (t *Tree) completed(n *Node, o Object, payload []byte, err error) (*Node, error) {
	var d *Damage
	if err != nil && !(t.anyOwnID && errors.As(err, &d) && d.Kind == KindOwnID) {
		return nil, err
	}
	n.Object, n.Payload = o, payload
	t.passed.records.Add(int64(len(n.Inode.Unknown)))
	if o.ID != clfs.RootID {
		t.passed.extAttrs.Add(int64(len(n.Inode.ExtAttrs)))
	}
	return n, nil
}

// AcceptAnyOwnID makes the tree return inodes that contain another id, too: for a reader that
// reports them itself. It must be called before the first read.
func (t *Tree) AcceptAnyOwnID() { t.anyOwnID = true }

// checkOwnID ensures that the contents of one file are not taken for those of another.
func (n *Node) checkOwnID() error {
	if own := n.Inode.ID(); own != n.ID {
		return damagef(KindOwnID, n.Blob, "the inode says that it is %s", own)
	}
	return nil
}

// MaxPayload bounds the decompressed size of any object, in bytes.
const MaxPayload = maxSegmentPayload

// Payload reads the record sequence of any object, for callers that need the records themselves.
func (t *Tree) Payload(ctx context.Context, o Object) ([]byte, error) {
	return t.payload(ctx, o, maxSegmentPayload, func(Object, []byte) error { return nil })
}

// layout is how a node's contents are cut.
type layout struct {
	first   uint64 // bytes in the inode
	segment uint64 // bytes in each block
}

// layoutOf takes the sizes from the inode: other programs may cut contents differently, as long as
// a segment fits an object.
func layoutOf(n *Node) (layout, error) {
	l := layout{uint64(n.Inode.FirstSegmentSize), uint64(n.Inode.SegmentSize)}
	if l.segment == 0 || l.segment > clfs.SegmentBytes || l.first > maxInodePayload {
		return layout{}, damagef(KindBlockMap, n.Blob, "segment sizes of %d and %d bytes", l.first, l.segment)
	}
	return l, nil
}

// offset is the start of block number (from 1) in the contents.
func (l layout) offset(number uint64) uint64 { return l.first + (number-1)*l.segment }

// blocks is the first block number past contents of size bytes, which have
// blocks 1 to blocks-1.
func (l layout) blocks(size uint64) uint64 {
	if size <= l.first {
		return 1
	}
	return (size-l.first-1)/l.segment + 2
}

// needs is the number after the last block that the size of a regular file requires: its block map
// must list all before it. For other types the size has no such meaning.
func (n *Node) needs() uint64 {
	l, err := layoutOf(n)
	if err != nil || n.Type() != clfs.TypeRegular {
		return 0
	}
	return l.blocks(n.Inode.Attr.Size)
}

// SegmentCount is how many data segments a regular file of its size has. The error means that the
// inode's segment sizes are invalid.
func (n *Node) SegmentCount() (uint64, error) {
	l, err := layoutOf(n)
	if err != nil {
		return 0, err
	}
	return l.blocks(n.Inode.Attr.Size) - 1, nil
}
