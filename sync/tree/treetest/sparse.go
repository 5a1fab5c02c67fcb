package treetest

import (
	"slices"

	"clfsload/clfs"
	"clfsload/clfs/object"
)

// Sparse makes a regular file of blocks 0 to count-1 out of a node after Finish. All
// ids in its block map are null.
func (n *Node) Sparse(count int) {
	n.b.t.Helper()
	n.Segments = slices.Repeat([]clfs.ID{clfs.NullBlock}, count-1)
	n.finishMap()
	n.Inode.Attr.Size = clfs.SegmentOffset(uint64(count-1), false)
	n.Inode.Attr.Used = n.Inode.Attr.Size
	n.Inode.Data = make([]byte, clfs.FirstSegmentBytes)
	n.Put()
}

// Indirect changes an indirect block of a node.
func (n *Node) Indirect(id clfs.ID, change func(*object.IndirectBlock)) {
	n.b.t.Helper()
	name := n.IndirectBlob(id)
	block, err := object.DecodeIndirect(n.b.Payload(name))
	n.b.check(err)
	change(&block)
	n.b.PutPayload(name, block.Append(nil))
}

// IndirectBlob is the name of the blob of one of the node's indirect blocks.
func (n *Node) IndirectBlob(id clfs.ID) string {
	return clfs.ObjectName(id, n.ID, clfs.TypeIndirect, clfs.FirstVersion)
}

// EmptyLeaf ends the block map of a node whose last leaf in tree 1 is full as CLFSLoad
// does: with a leaf of 0 entries. It returns the leaf's blob.
func (n *Node) EmptyLeaf() string {
	n.b.t.Helper()
	id := clfs.ID("an empty leaf id")
	leaf := object.IndirectBlock{Ctime: n.Inode.Attr.Ctime.Sec, Tree: 1, Depth: 1, Owner: n.ID}
	n.b.PutPayload(n.IndirectBlob(id), leaf.Append(nil))
	n.Indirect(n.Inode.Roots[1], func(b *object.IndirectBlock) { b.Blocks = append(b.Blocks, id) })
	return n.IndirectBlob(id)
}
