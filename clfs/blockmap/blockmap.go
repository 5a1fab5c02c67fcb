package blockmap

// A block map says where a file's data segments are (docs/clfs-format.md
// section 4). Block 0 is the inode itself, block b is data segment b-1:
//
//	direct list  blocks 0 to 1023
//	tree 0       4096 blocks:    its root's
//	tree 1       4096^2 blocks:  4096 blocks under the root
//	tree 2       4096^3, tree 3  4096^4
//
// With segments of 8 MiB the direct list reaches 8.6 GB, tree 0 ends at 43 GB
// and tree 1 at 140 TB.

import (
	"fmt"

	"clfsload/clfs"
)

const (
	// directBlocks is how many data segments the direct list holds.
	directBlocks = clfs.MaxDirect - 1
	// maxBlocks is how many data segments a block map holds.
	maxBlocks = directBlocks + 1<<12 + 1<<24 + 1<<36 + 1<<48
)

// A Position is where a block map keeps a block's id.
type Position struct {
	Tree int   // 0 to 3, or -1: in the direct list
	Path []int // the index in each indirect block from the root down; direct: one element, the index in the list
}

// treeBlocks is how many data segments a tree holds.
func treeBlocks(tree int) uint64 { return 1 << (12 * (tree + 1)) }

// Locate finds a block. Blocks are numbered as in the direct list: 1 is the
// first data segment. It fails for 0, which is the inode, and for blocks past
// the last tree.
func Locate(block uint64) (Position, error) {
	if block == 0 || block > maxBlocks {
		return Position{}, fmt.Errorf("locate block %d: a block map holds 1 to %d", block, uint64(maxBlocks))
	}
	if block <= directBlocks {
		return Position{Tree: -1, Path: []int{int(block)}}, nil
	}
	index, tree := block-directBlocks-1, 0
	for index >= treeBlocks(tree) {
		index -= treeBlocks(tree)
		tree++
	}
	path := make([]int, tree+1)
	for level := tree; level >= 0; level-- {
		path[level] = int(index % clfs.IndirectFanout)
		index /= clfs.IndirectFanout
	}
	return Position{Tree: tree, Path: path}, nil
}

// IndirectCount says how many indirect blocks a file of so many data segments
// has: count[tree][depth], depth 0 being the root. With [clfs.IndirectID] this
// enumerates them all.
func IndirectCount(segments uint64) (count [4][4]uint64) {
	if segments <= directBlocks {
		return count
	}
	rest := segments - directBlocks
	for tree := 0; tree < clfs.TreeCount && rest > 0; tree++ {
		held := min(rest, treeBlocks(tree))
		rest -= held
		for depth := tree; depth >= 0; depth-- {
			held = (held + clfs.IndirectFanout - 1) / clfs.IndirectFanout
			count[tree][depth] = held
		}
	}
	return count
}
