package blobs

import (
	"context"
	"errors"
	"fmt"
	"io"

	"clfsload/clfs"
	"clfsload/clfs/object"
	"clfsload/state"
	"clfsload/sync/tree"
)

// A node that was adopted was made by another program. Its blocks have any ids, which the
// block map of its newest payload tells, and its records may be more than we know.

// baseKey names a payload of an inode, from which a block map is read.
type baseKey struct {
	ino      state.Ino
	version  uint32
	owner    uint64
	imageGen uint64
}

// basesKept is how many inodes with their block maps are remembered, of about 100 KiB and 1 MiB at
// most.
const basesKept = 64

// BaseOf returns the newest payload of a node that was adopted.
func (s *Store) BaseOf(ctx context.Context, n state.Node) (*object.Inode, error) {
	key := baseKey{n.Ino, n.PutVersion, n.PutOwner, n.ImageGen}
	if o, found := s.bases.Get(key); found {
		return o, nil
	}
	o, err := s.newestInode(ctx, n)
	if err == nil {
		s.bases.Add(key, o)
	}
	return o, err
}

// baseBlock reads a block of a file as the block map of its newest payload has it. What the
// payload's file does not have of it is left out.
func (s *Store) baseBlock(ctx context.Context, n state.Node, index uint64) ([]byte, error) {
	o, err := s.BaseOf(ctx, n)
	if err != nil {
		return nil, err
	}
	offset, length := state.BlockRange(index)
	buf := make([]byte, min(length, max(int64(o.Attr.Size)-offset, 0)))
	if len(buf) == 0 {
		return buf, nil
	}
	got, err := s.tree.ReadAt(ctx, treeNode(n, o), buf, uint64(offset))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if got < len(buf) {
		return nil, fmt.Errorf("%s: %w: block %d has %d bytes, not %d", n.PutName(), ErrDamaged, index, got, len(buf))
	}
	return buf, nil
}

// treeNode is an inode as package tree has it.
func treeNode(n state.Node, o *object.Inode) *tree.Node {
	return &tree.Node{Inode: o, Object: tree.Object{Blob: n.PutName(), Number: -1,
		Name: clfs.Name{ID: n.ID, Type: n.Attr.Type, OwnerHash: n.PutOwner, Version: n.PutVersion, Snapshot: clfs.LiveSnapshot, Form: 2}}}
}

// MapOf lists what the block map of an inode leads to: segments, and indirect blocks with all
// below them.
func MapOf(o *object.Inode) (list []state.Foreign) {
	if len(o.Direct) > 0 {
		for _, id := range o.Direct[1:] {
			if !id.IsNull() {
				list = append(list, state.Foreign{Kind: state.ForeignObject, ID: id, Owner: o.ID()})
			}
		}
	}
	for _, root := range o.Roots {
		if !root.IsNull() {
			list = append(list, state.Foreign{Kind: state.ForeignTree, ID: root, Owner: o.ID()})
		}
	}
	return list
}

// Indirect reads an indirect block of a file, which must be the one of that place.
func (s *Store) Indirect(ctx context.Context, n state.Node, id clfs.ID, tree, depth int) (object.IndirectBlock, error) {
	o, b, err := s.tree.Indirect(ctx, id)
	if err == nil && (b.Owner != n.ID || b.Tree != tree || b.Depth != depth) {
		err = fmt.Errorf("%s: %w: it is not the indirect block of tree %d at depth %d of %s", o.Blob, ErrDamaged, tree, depth, n.ID)
	}
	return b, err
}
