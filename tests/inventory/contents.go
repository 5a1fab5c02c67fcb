package inventory

import (
	"hash/maphash"

	"clfsload/clfs"
	"clfsload/clfs/object"
)

// hashOfContents reads all the bytes of a regular file.
func (r *reader) hashOfContents(path string, id clfs.ID, in *object.Inode) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	expect(r, path, "bytes in the inode", uint64(len(in.Data)), min(in.Attr.Size, clfs.FirstSegmentBytes))
	h.Write(in.Data)
	offset := uint64(clfs.FirstSegmentBytes)
	for _, block := range r.blocks(path, id, in) {
		segment, ok := r.segment(path, block, id, in)
		if !ok {
			continue
		}
		expect(r, path, "offset of a segment", segment.Offset, offset)
		expect(r, path, "segment with entries", segment.IsDirectory, false)
		h.Write(segment.Data)
		if left := in.Attr.Size - offset; in.Attr.Size > offset {
			expect(r, path, "bytes in a segment", uint64(len(segment.Data)), min(left, clfs.SegmentBytes))
		} else {
			r.problem(path, "segment behind the end, at %d", offset)
		}
		offset += clfs.SegmentBytes
	}
	if offset < in.Attr.Size {
		r.problem(path, "has no segments from %d on", offset)
	}
	return h.Sum64()
}

// segment reads a data segment of the inode id.
func (r *reader) segment(path string, block, id clfs.ID, in *object.Inode) (object.Segment, bool) {
	payload, name := r.fetch(path, block)
	if payload == nil {
		return object.Segment{}, false
	}
	r.checkName(path, name, id, clfs.TypeSegment)
	r.checkBlockID(path, block)
	segment, err := object.DecodeSegment(payload)
	if err != nil {
		r.problem(path, "segment %s: %v", block, err)
		return object.Segment{}, false
	}
	expect(r, path, "owner of a segment", segment.Owner, id)
	r.checkBlockTime(path, "ctime of a segment", segment.Ctime, in)
	return segment, true
}

// checkBlockTime wants the ctime that the inode had when the block was put.
func (r *reader) checkBlockTime(path, what string, ctime uint32, in *object.Inode) {
	if !r.blobs.Lived || ctime > in.Attr.Ctime.Sec {
		expect(r, path, what, ctime, in.Attr.Ctime.Sec)
	}
}

// checkBlockID wants a version 4 UUID.
func (r *reader) checkBlockID(path string, block clfs.ID) {
	if len(block) != 16 || block[6]>>4 != 4 || block[8]>>6 != 2 {
		r.problem(path, "block id %s is no version 4 UUID", block)
	}
}

// blocks lists the ids of all segments after the first, from the direct list
// and the indirect trees. All lists but the last must be full.
func (r *reader) blocks(path string, id clfs.ID, in *object.Inode) []clfs.ID {
	if len(in.Direct) == 0 || in.Direct[0] != id || len(in.Direct) > clfs.MaxDirect {
		r.problem(path, "direct blocks: %d entries, the first must be the inode's id", len(in.Direct))
		return nil
	}
	found := append([]clfs.ID(nil), in.Direct[1:]...)
	full := len(in.Direct) == clfs.MaxDirect
	for tree, root := range in.Roots {
		if !root.IsNull() {
			if !full {
				r.problem(path, "tree %d is begun before the blocks ahead of it are full", tree)
			}
			before := len(found)
			walk := treeWalk{reader: r, path: path, owner: id, inode: in, tree: tree}
			found = append(found, walk.leaves(root, 0)...)
			full = len(found)-before == capacity(tree+1)
		} else {
			full = false
		}
	}
	return found
}

// treeWalk goes through one indirect tree.
type treeWalk struct {
	*reader
	path  string
	owner clfs.ID
	inode *object.Inode
	tree  int
}

// leaves returns the segments below an indirect block, in order.
func (w treeWalk) leaves(block clfs.ID, depth int) []clfs.ID {
	payload, name := w.fetch(w.path, block)
	if payload == nil {
		return nil
	}
	w.checkName(w.path, name, w.owner, clfs.TypeIndirect)
	w.checkBlockID(w.path, block)
	indirect, err := object.DecodeIndirect(payload)
	if err != nil {
		w.problem(w.path, "indirect block %s: %v", block, err)
		return nil
	}
	expect(w.reader, w.path, "owner of an indirect block", indirect.Owner, w.owner)
	w.checkBlockTime(w.path, "ctime of an indirect block", indirect.Ctime, w.inode)
	expect(w.reader, w.path, "tree of an indirect block", indirect.Tree, w.tree)
	expect(w.reader, w.path, "depth of an indirect block", indirect.Depth, depth)
	if n := len(indirect.Blocks); n == 0 || n > clfs.IndirectFanout {
		w.problem(w.path, "indirect block %s has %d pointers", block, n)
	}
	if depth == w.tree {
		return indirect.Blocks
	}
	var found []clfs.ID
	for i, child := range indirect.Blocks {
		below := w.leaves(child, depth+1)
		if i+1 < len(indirect.Blocks) && len(below) != capacity(w.tree-depth) {
			w.problem(w.path, "indirect block %s is not full, and not the last", child)
		}
		found = append(found, below...)
	}
	return found
}

// capacity is how many segments a block with that many levels of indirect
// blocks, itself included, takes.
func capacity(levels int) int {
	n := 1
	for range levels {
		n *= clfs.IndirectFanout
	}
	return n
}
