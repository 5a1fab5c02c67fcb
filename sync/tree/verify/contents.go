package verify

import (
	"context"
	"errors"
	"iter"

	"clfsload/clfs"
	"clfsload/sync/tree"
)

// contents goes over an inode's block map and, unless quick, its segments.
func (c *checker) contents(ctx context.Context, n *tree.Node, at place) error {
	m := &blockMap{checker: c, n: n, at: at, next: 1, end: 1}
	if !m.begin() {
		return nil
	}
	against := c.compareBytes(n, at)
	defer against.close()
	against.add(0, n.Inode.Data)
	if !m.inInode() {
		against.abandon()
	}
	for p, err := range c.pieces(ctx, n) {
		sound, err := m.piece(p, err)
		switch {
		case err != nil:
			return err
		case !sound:
			against.abandon()
		case !p.Indirect:
			against.add(p.Segment.Offset, p.Segment.Data)
		}
	}
	m.finish()
	against.finish()
	return nil
}

// pieces are the blocks with their contents or, for a quick run, without.
func (c *checker) pieces(ctx context.Context, n *tree.Node) iter.Seq2[tree.Piece, error] {
	if !c.options.Quick {
		return c.t.Pieces(ctx, n, 1, tree.AllBlocks)
	}
	return func(yield func(tree.Piece, error) bool) {
		for b, err := range c.t.Blocks(ctx, n, 1, tree.AllBlocks) {
			p := tree.Piece{Block: b}
			if err == nil && !b.Indirect {
				p.Blob, err = c.t.Find(ctx, b.ID)
			}
			if !yield(p, err) {
				return
			}
		}
	}
}

// blockMap is the check of one inode's blocks.
type blockMap struct {
	*checker
	n    *tree.Node
	at   place
	next uint64 // the number that the next block must have
	end  uint64 // the first number past the file's size
}

func (m *blockMap) bad(kind tree.Kind, object, format string, args ...any) {
	m.damage(kind, m.at.path, object, format, args...)
}

// begin finds out where the blocks end, and reports whether a check of them is useful.
func (m *blockMap) begin() bool {
	if m.n.Type() == clfs.TypeRegular {
		segments, err := m.n.SegmentCount()
		if err != nil {
			return false
		}
		m.end = segments + 1
	}
	return true
}

// inInode checks the size of the contents in the inode, and reports whether it is right.
func (m *blockMap) inInode() bool {
	if m.n.Type() != clfs.TypeRegular {
		return true
	}
	in := m.n.Inode
	want := min(uint64(in.FirstSegmentSize), in.Attr.Size)
	if have := uint64(len(in.Data)); have < want {
		m.bad(tree.KindSegmentLength, m.n.Blob, "the inode has %d bytes of contents, must have %d", have, want)
		return false
	}
	return true
}

// piece checks a block and reports whether it is sound. Unreadable segments of a directory were
// reported with its entries.
func (m *blockMap) piece(p tree.Piece, err error) (sound bool, fatal error) {
	m.position(p.Block, err)
	if err != nil {
		if p.Blob.Blob != "" {
			m.block(p.Blob, clfs.TypeSegment)
		}
		if m.n.IsDir() && isDamage(err) {
			return false, nil
		}
		return false, m.reading(m.at.path, err)
	}
	if p.Indirect {
		m.indirect(p.Block)
		return true, nil
	}
	m.block(p.Blob, clfs.TypeSegment)
	if m.options.Quick {
		return true, nil
	}
	if p.Segment.Ctime != m.n.Inode.Attr.Ctime.Sec {
		m.remark(KindSegmentTime, m.at.path, p.Blob.Blob, "ctime %d, the inode has %d", p.Segment.Ctime, m.n.Inode.Attr.Ctime.Sec)
	}
	err = tree.CheckSegment(m.n, p.Number, p.Blob, p.Segment)
	if m.n.IsDir() {
		return true, nil
	}
	return err == nil, m.reading(m.at.path, err)
}

func isDamage(err error) bool {
	var d *tree.Damage
	return errors.As(err, &d)
}

// position checks that blocks follow each other without gaps and end at the end of the file. err is
// the reason why a block is lost.
func (m *blockMap) position(b tree.Block, err error) {
	if b.Count == 0 {
		return // an error about no block in particular
	}
	m.holes(b.Number)
	m.next = b.Number
	if !b.Indirect || err != nil {
		m.next += b.Count
	}
	if b.ID == "" {
		return // blocks that are in no list
	}
	switch t := m.n.Type(); {
	case t != clfs.TypeRegular:
	case b.Number >= m.end && !m.isEmptyEnd(b):
		m.bad(tree.KindBlockMap, m.n.Blob, "block %d, %s, lies behind the end of a file of %d bytes", b.Number, b.ID, m.n.Inode.Attr.Size)
	}
}

// block checks the name of a block's blob and marks it.
func (m *blockMap) block(o tree.Object, t clfs.Type) {
	if o.Name.Type != t {
		m.bad(KindType, o.Blob, "the blob's name says %s, it stands where a %s must be", o.Name.Type, t)
	}
	if o.OwnerHash != m.n.ID.Hash() {
		m.bad(KindOwner, o.Blob, "the blob's name has owner %016X, but %s has %016X", o.OwnerHash, m.n.ID, m.n.ID.Hash())
	}
	if !m.reached.Set(o.Number) {
		m.bad(KindSharedBlock, o.Blob, "this block is used at another place, too")
	}
}

func (m *blockMap) indirect(b tree.Block) {
	m.block(b.Object, clfs.TypeIndirect)
	if b.Ctime != m.n.Inode.Attr.Ctime.Sec {
		m.remark(KindSegmentTime, m.at.path, b.Object.Blob, "ctime %d, the inode has %d", b.Ctime, m.n.Inode.Attr.Ctime.Sec)
	}
	switch {
	case m.isEmptyEnd(b):
		m.remark(tree.KindBlockMap, m.at.path, b.Object.Blob, "an empty indirect block at the end of the block map, as CLFSLoad leaves it")
	case len(b.Pointers) == 0:
		m.bad(tree.KindBlockMap, b.Object.Blob, "an empty indirect block")
	}
}

// isEmptyEnd reports whether an indirect block directly follows the last block of a file and leads
// to nothing. CLFSLoad leaves such a leaf, with an entry above it, when the indirect block before
// is full (docs/clfs-format.md section 4).
func (m *blockMap) isEmptyEnd(b tree.Block) bool {
	if !b.Indirect || b.Number != m.end || m.n.Type() != clfs.TypeRegular {
		return false
	}
	return len(b.Pointers) == 0 || len(b.Pointers) == 1 && b.Depth < b.Tree
}

// holes reports the holes before a block.
func (m *blockMap) holes(end uint64) {
	if end > m.next {
		m.remark(tree.KindHole, m.at.path, m.n.Blob, "blocks %d to %d are holes", m.next, end-1)
	}
}

// finish reports holes at the end.
func (m *blockMap) finish() { m.holes(m.end) }
