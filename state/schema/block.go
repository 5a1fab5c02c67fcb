package schema

import (
	"iter"

	"clfsload/clfs"
)

// BlockState is where the bytes of a block are.
type BlockState int

const (
	BlockDirty    BlockState = iota // in staging alone
	BlockQueued                     // in staging, whole, to be uploaded although the file is open
	BlockUploaded                   // in the container, and in staging
	BlockRemote                     // in the container alone
)

// NoBlockState is none of them.
const NoBlockState BlockState = -1

// Block is a block of a file of which the node alone does not say all. Block 0 is
// the head, which is in the inode's blob; block n is data segment n-1.
type Block struct {
	Index uint64
	Gen   uint64 // generation that it was uploaded as
	State BlockState
}

// Blocks is how many blocks a file of size bytes has: at least 1.
func Blocks(size int64) uint64 { return 1 + clfs.SegmentCount(uint64(size)) }

// BlockRange is where a block lies in its file, in bytes, and how long it is when
// the file goes on behind it.
func BlockRange(index uint64) (offset, length int64) {
	if index == 0 {
		return 0, clfs.FirstSegmentBytes
	}
	return clfs.FirstSegmentBytes + int64(index-1)*clfs.SegmentBytes, clfs.SegmentBytes
}

func ScanBlock(row Scanner) (b Block, err error) {
	err = row.Scan(&b.Index, &b.Gen, &b.State)
	return b, err
}

// IsUp reports whether the block is in the container as its generation says.
func (b *Block) IsUp() bool { return b.State == BlockUploaded || b.State == BlockRemote }

// Gaps lists the ranges from..to-1 of blocks that have no row, given the rows in order.
func Gaps(rows []Block, from, to uint64) iter.Seq2[uint64, uint64] {
	return func(yield func(from, to uint64) bool) {
		for _, b := range rows {
			if b.Index >= to {
				break
			}
			if b.Index > from && !yield(from, b.Index) {
				return
			}
			from = max(from, b.Index+1)
		}
		if from < to {
			yield(from, to)
		}
	}
}
