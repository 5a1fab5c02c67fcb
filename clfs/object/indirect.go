package object

import "clfsload/clfs"

// An indirect block holds ids of data segments or of further indirect blocks
// (docs/clfs-format.md sections 3 and 4):
//
//	INDIR     list of ids
//	DATABACK  u32 ctime seconds | u64 tree << 16 | depth | u16 length | the inode's id
//
// A full one: INDIR 20 + 73732 = 73752, DATABACK 64: 73816 bytes.

// An IndirectBlock is a node of one of a block map's four trees.
type IndirectBlock struct {
	Blocks []clfs.ID // at most IndirectFanout; a null id is a hole
	Ctime  uint32    // seconds, of the inode
	Tree   int       // 0 to 3; tree t has t+1 levels
	Depth  int       // 0, the root, to Tree, whose Blocks are data segments
	Owner  clfs.ID   // the inode
}

// Append appends the block's payload.
func (b IndirectBlock) Append(dst []byte) []byte {
	dst, start := openRecord(dst, RecordIndirect)
	dst = closeRecord(appendList(dst, b.Blocks), start)
	return appendDataBack(dst, b.Ctime, uint64(b.Tree)<<16|uint64(b.Depth), b.Owner)
}

// DecodeIndirect decodes an indirect block's payload. It passes over records
// that it does not know.
func DecodeIndirect(payload []byte) (IndirectBlock, error) {
	var b IndirectBlock
	seen, err := decodeRecords(payload, b.take)
	if err != nil {
		return IndirectBlock{}, err
	}
	if !seen.has(RecordIndirect) || !seen.has(RecordDataBack) {
		return IndirectBlock{}, clfs.FormatErrorf(len(payload), "no indirect block: it has no %s or no %s record", RecordIndirect, RecordDataBack)
	}
	return b, nil
}

func (b *IndirectBlock) take(r Record, c *cursor) bool {
	switch r.Type {
	case RecordIndirect:
		b.Blocks = c.list()
		if len(b.Blocks) > clfs.IndirectFanout {
			c.failf("indirect block with %d entries, at most %d", len(b.Blocks), clfs.IndirectFanout)
		}
	case RecordDataBack:
		b.decodeDataBack(c)
	default:
		return false
	}
	return true
}

func (b *IndirectBlock) decodeDataBack(c *cursor) {
	var place uint64
	b.Ctime, place, b.Owner = c.dataBack()
	tree, depth := place>>16, place&0xffff
	if tree >= clfs.TreeCount || depth > tree {
		c.failf("indirect block of tree %d at depth %d", tree, depth)
		return
	}
	b.Tree, b.Depth = int(tree), int(depth)
}
