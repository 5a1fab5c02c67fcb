package tree

import (
	"context"
	"iter"
	"math"

	"clfsload/clfs"
	"clfsload/clfs/object"
)

// maxSegmentPayload bounds the decompressed size of a segment, in bytes: a full one whose owner has
// an id of 64 bytes, and records that only a cache knows.
const maxSegmentPayload = object.MaxSegmentPayload + 4096

// AllBlocks means the end of the block map, whatever the size.
const AllBlocks = math.MaxUint64

// A Block is an entry of a block map: a data segment or an indirect block.
type Block struct {
	ID     clfs.ID
	Number uint64 // of the segment, from 1; of the first one below an indirect block
	Count  uint64 // how many blocks it covers: 1 for a segment

	Indirect    bool
	Tree, Depth int       // of an indirect block
	Object      Object    // of an indirect block that was read
	Pointers    []clfs.ID // likewise
	Ctime       uint32    // likewise, seconds
}

// Blocks goes over the block map of a file or a directory: the blocks with from <= Number < to, in
// order, each indirect block before the blocks below it. Null ids are holes and are left out. from
// is at least 1; see [AllBlocks].
//
// If an indirect block cannot be read, the error comes with that Block, whose Number and Count
// describe the loss, and the iteration continues after it. Blocks that the size of a regular file
// requires but no list holds are lost in the same way: they come as an error of [KindHole] or
// [KindBlockMap], with a Block that has no ID.
func (t *Tree) Blocks(ctx context.Context, n *Node, from, to uint64) iter.Seq2[Block, error] {
	return func(yield func(Block, error) bool) {
		m := mapReader{t: t, ctx: ctx, n: n, from: from, to: to, end: n.needs(), yield: yield}
		m.run()
	}
}

// mapReader is one pass over a block map. Its methods return false when the
// consumer has stopped.
type mapReader struct {
	t        *Tree
	ctx      context.Context
	n        *Node
	from, to uint64
	end      uint64 // the number after the last block that the lists must hold
	yield    func(Block, error) bool
	seen     map[clfs.ID]bool // indirect blocks entered
}

func (m *mapReader) run() {
	direct := m.n.Inode.Direct
	for i := max(m.from, 1); i < min(m.to, uint64(len(direct))); i++ {
		if !m.segment(direct[i], i) {
			return
		}
	}
	listed, first := uint64(len(direct)), uint64(clfs.MaxDirect)
	for tree, root := range m.n.Inode.Roots[:usedRoots(m.n.Inode)] {
		count := span(tree, 0)
		if !m.missing(listed, first) || !m.indirect(root, tree, 0, first, count) {
			return
		}
		first += count
		listed = first
	}
	m.missing(listed, m.end)
}

// usedRoots is how many of the trees the block map has. A tree whose root is null is a
// hole if a later one is used, and otherwise not there.
func usedRoots(in *object.Inode) int {
	used := len(in.Roots)
	for used > 0 && in.Roots[used-1].IsNull() {
		used--
	}
	return used
}

// missing yields the blocks from..to that the file's size requires and that no list holds.
func (m *mapReader) missing(from, to uint64) bool {
	at, end := max(from, m.from), min(to, m.to, m.end)
	if at >= end {
		return true
	}
	err := damagef(KindHole, m.n.Blob, "the block map has no block %d to %d; a file of %d bytes has blocks 1 to %d", from, min(to, m.end)-1, m.n.Inode.Attr.Size, m.end-1)
	return m.yield(Block{Number: at, Count: end - at}, err)
}

// span is how many segments a block of a tree covers at a depth.
func span(tree, depth int) uint64 {
	n := uint64(1)
	for range tree - depth + 1 {
		n *= clfs.IndirectFanout
	}
	return n
}

func (m *mapReader) segment(id clfs.ID, number uint64) bool {
	if id.IsNull() {
		return true
	}
	return m.yield(Block{ID: id, Number: number, Count: 1}, nil)
}

func (m *mapReader) indirect(id clfs.ID, tree, depth int, first, count uint64) bool {
	if id.IsNull() || first >= m.to || first+count <= m.from {
		return true
	}
	b := Block{ID: id, Number: first, Count: count, Indirect: true, Tree: tree, Depth: depth}
	err := m.enter(&b)
	if !m.yield(b, err) {
		return false
	}
	if m.ctx.Err() != nil {
		return false
	}
	if err != nil {
		return true
	}
	each := count / clfs.IndirectFanout
	if !m.counted(b, each) {
		return false
	}
	for i, child := range b.Pointers {
		at := first + uint64(i)*each
		if depth == tree && at >= m.from && at < m.to {
			if !m.segment(child, at) {
				return false
			}
		}
		if depth < tree && !m.indirect(child, tree, depth+1, at, each) {
			return false
		}
	}
	return true
}

// counted compares the number of an indirect block's pointers, of each blocks, with the size of the
// file. It yields the missing blocks.
func (m *mapReader) counted(b Block, each uint64) bool {
	if b.Number >= m.end {
		return true // behind the end, or of a directory
	}
	have, want := uint64(len(b.Pointers)), (min(b.Count, m.end-b.Number)+each-1)/each
	at, end := max(b.Number+have*each, m.from), min(b.Number+b.Count, m.to, m.end)
	// CLFSLoad leaves an empty leaf if a file ends with a full one.
	emptyLeaf := b.Depth < b.Tree && have == want+1 && b.Number+want*each == m.end
	if have == want || emptyLeaf || have < want && at >= end {
		return true
	}
	err := damagef(KindBlockMap, b.Object.Blob, "%d pointers, must be %d in a file of %d bytes", have, want, m.n.Inode.Attr.Size)
	return m.yield(Block{Number: at, Count: max(at, end) - at}, err)
}

// enter reads an indirect block, once in each pass: a map that leads to one twice may be endless.
func (m *mapReader) enter(b *Block) error {
	if m.seen[b.ID] {
		return damagef(KindBlockMap, m.n.Blob, "indirect block %s stands twice in the block map", b.ID)
	}
	if m.seen == nil {
		m.seen = make(map[clfs.ID]bool)
	}
	m.seen[b.ID] = true
	o, decoded, err := m.t.indirect(m.ctx, m.n, b.ID)
	if err != nil {
		return err
	}
	b.Object, b.Pointers, b.Ctime = o, decoded.Blocks, decoded.Ctime
	if decoded.Owner != m.n.ID || decoded.Tree != b.Tree || decoded.Depth != b.Depth {
		return damagef(KindBlockMap, o.Blob, "indirect block says tree %d, depth %d of %s, but stands in tree %d, depth %d of %s",
			decoded.Tree, decoded.Depth, decoded.Owner, b.Tree, b.Depth, m.n.ID)
	}
	return nil
}

// Indirect reads an indirect block of any inode.
func (t *Tree) Indirect(ctx context.Context, id clfs.ID) (Object, object.IndirectBlock, error) {
	if cached, ok := t.indirects.Get(id); ok {
		return cached.object, cached.block, nil
	}
	var b object.IndirectBlock
	o, _, err := t.fetch(ctx, id, maxInodePayload, decodeIndirect(&b))
	return t.gotIndirect(id, o, b, err)
}

// indirect reads an indirect block of n.
func (t *Tree) indirect(ctx context.Context, n *Node, id clfs.ID) (Object, object.IndirectBlock, error) {
	if cached, ok := t.indirects.Get(id); ok {
		return cached.object, cached.block, nil
	}
	var b object.IndirectBlock
	o, err := t.fetchBlock(ctx, n, id, clfs.TypeIndirect, maxInodePayload, decodeIndirect(&b))
	return t.gotIndirect(id, o, b, err)
}

func decodeIndirect(b *object.IndirectBlock) decoder {
	return func(o Object, payload []byte) (err error) {
		if *b, err = object.DecodeIndirect(payload); err != nil {
			return BadObject(err, o.Blob)
		}
		return nil
	}
}

// gotIndirect remembers an indirect block that was read.
func (t *Tree) gotIndirect(id clfs.ID, o Object, b object.IndirectBlock, err error) (Object, object.IndirectBlock, error) {
	if err != nil {
		return o, object.IndirectBlock{}, err
	}
	t.indirects.Add(id, cachedIndirect{o, b})
	return o, b, nil
}

type cachedIndirect struct {
	object Object
	block  object.IndirectBlock
}
