package state

import (
	"context"
	"fmt"

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

// BlocksOf returns the blocks of a file that have a row, by index.
func (j *Journal) BlocksOf(ctx context.Context, ino Ino) ([]Block, error) {
	rows, err := j.reads.blocks.QueryContext(ctx, ino)
	if err != nil {
		return nil, fmt.Errorf("list blocks of node %d: %w", ino, classify(err))
	}
	defer rows.Close()
	var list []Block
	for rows.Next() {
		var b Block
		if err := rows.Scan(&b.Index, &b.Gen, &b.State); err != nil {
			return nil, fmt.Errorf("list blocks of node %d: %w", ino, classify(err))
		}
		list = append(list, b)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("list blocks of node %d: %w", ino, classify(err))
	}
	return list, nil
}
