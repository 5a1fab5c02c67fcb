package clfs

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

import "fmt"

const (
	// MaxDirect is how many entries the direct list has, the own id included.
	MaxDirect = 1024
	// IndirectFanout is how many ids an indirect block holds.
	IndirectFanout = 4096

	// directBlocks is how many data segments the direct list holds.
	directBlocks = MaxDirect - 1
	// maxBlocks is how many data segments a block map holds.
	maxBlocks = directBlocks + 1<<12 + 1<<24 + 1<<36 + 1<<48
)

// SegmentCount is how many data segments a file of size bytes has after the
// 16384 bytes in its inode.
func SegmentCount(size uint64) uint64 {
	if size <= FirstSegmentBytes {
		return 0
	}
	return (size-FirstSegmentBytes-1)/SegmentBytes + 1
}

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
		path[level] = int(index % IndirectFanout)
		index /= IndirectFanout
	}
	return Position{Tree: tree, Path: path}, nil
}

// IndirectCount says how many indirect blocks a file of so many data segments
// has: count[tree][depth], depth 0 being the root. With [IndirectID] this
// enumerates them all.
func IndirectCount(segments uint64) (count [4][4]uint64) {
	if segments <= directBlocks {
		return count
	}
	rest := segments - directBlocks
	for tree := 0; tree < rootCount && rest > 0; tree++ {
		held := min(rest, treeBlocks(tree))
		rest -= held
		for depth := tree; depth >= 0; depth-- {
			held = (held + IndirectFanout - 1) / IndirectFanout
			count[tree][depth] = held
		}
	}
	return count
}

// A MapBuilder makes a block map from data segment ids in order. It holds the
// direct list and at most one unfinished indirect block a level, whatever the
// file's size.
type MapBuilder struct {
	newID  func(tree, depth int, index uint64) ID
	emit   func(id ID, b IndirectBlock) error
	own    ID
	direct []ID
	roots  [4]ID
	tree   int                   // being filled
	levels [rootCount]levelState // its unfinished blocks by depth
}

// levelState is the unfinished block of one level and how many were emitted.
type levelState struct {
	blocks  []ID
	emitted uint64
}

// NewMapBuilder starts the block map of the inode own. newID names indirect
// block index (from 0) of a tree at a depth, usually by [IndirectID]. emit gets
// each indirect block once, when it is full or at Finish, below before above.
// The block has no Ctime yet, and its Blocks are only valid until emit returns.
func NewMapBuilder(own ID, newID func(tree, depth int, index uint64) ID, emit func(id ID, b IndirectBlock) error) *MapBuilder {
	return &MapBuilder{newID: newID, emit: emit, own: own, direct: []ID{own}}
}

// Add appends the next data segment.
func (m *MapBuilder) Add(block ID) error {
	if len(m.direct) < MaxDirect {
		m.direct = append(m.direct, block)
		return nil
	}
	if m.tree == rootCount {
		return fmt.Errorf("block map of %s: more than %d segments", m.own, uint64(maxBlocks))
	}
	return m.add(m.tree, block)
}

// add puts an id into the unfinished block at a depth and emits it when full.
func (m *MapBuilder) add(depth int, id ID) error {
	level := &m.levels[depth]
	level.blocks = append(level.blocks, id)
	if len(level.blocks) < IndirectFanout {
		return nil
	}
	return m.flush(depth)
}

// flush emits the unfinished block at a depth and enters it in its parent; a
// root goes to the inode and ends its tree.
func (m *MapBuilder) flush(depth int) error {
	level := &m.levels[depth]
	id := m.newID(m.tree, depth, level.emitted)
	err := m.emit(id, IndirectBlock{Blocks: level.blocks, Tree: m.tree, Depth: depth, Owner: m.own})
	if err != nil {
		return err
	}
	level.emitted++
	level.blocks = level.blocks[:0]
	if depth > 0 {
		return m.add(depth-1, id)
	}
	m.roots[m.tree] = id
	m.tree++
	for i := range m.levels {
		m.levels[i].emitted = 0
	}
	return nil
}

// Finish emits what is unfinished and returns the inode's direct list, entry 0
// being its own id, and the roots of the trees. The builder is spent then.
func (m *MapBuilder) Finish() (direct []ID, roots [4]ID, err error) {
	for tree := m.tree; m.tree == tree && tree < rootCount; {
		depth := m.deepest()
		if depth < 0 {
			break
		}
		if err := m.flush(depth); err != nil {
			return nil, roots, err
		}
	}
	roots = m.roots
	for i := range roots {
		if roots[i] == "" {
			roots[i] = NullBlock
		}
	}
	return m.direct, roots, nil
}

// deepest is the deepest level with an unfinished block, -1 without any.
func (m *MapBuilder) deepest() int {
	for depth := rootCount - 1; depth >= 0; depth-- {
		if len(m.levels[depth].blocks) > 0 {
			return depth
		}
	}
	return -1
}
