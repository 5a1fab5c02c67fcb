package blockmap

import (
	"fmt"

	"clfsload/clfs"
	"clfsload/clfs/object"
)

// A Builder makes a block map from data segment ids in order. It holds the
// direct list and at most one unfinished indirect block a level, whatever the
// file's size.
type Builder struct {
	newID  func(tree, depth int, index uint64) clfs.ID
	emit   func(id clfs.ID, b object.IndirectBlock) error
	own    clfs.ID
	direct []clfs.ID
	roots  [4]clfs.ID
	tree   int                        // being filled
	levels [clfs.TreeCount]levelState // its unfinished blocks by depth
}

// levelState is the unfinished block of one level and how many were emitted.
type levelState struct {
	blocks  []clfs.ID
	emitted uint64
}

// NewBuilder starts the block map of the inode own. newID names indirect
// block index (from 0) of a tree at a depth, usually by [clfs.IndirectID]. emit gets
// each indirect block once, when it is full or at Finish, below before above.
// The block has no Ctime yet, and its Blocks are only valid until emit returns.
func NewBuilder(own clfs.ID, newID func(tree, depth int, index uint64) clfs.ID, emit func(id clfs.ID, b object.IndirectBlock) error) *Builder {
	return &Builder{newID: newID, emit: emit, own: own, direct: []clfs.ID{own}}
}

// Add appends the next data segment.
func (m *Builder) Add(block clfs.ID) error {
	if len(m.direct) < clfs.MaxDirect {
		m.direct = append(m.direct, block)
		return nil
	}
	if m.tree == clfs.TreeCount {
		return fmt.Errorf("block map of %s: more than %d segments", m.own, uint64(maxBlocks))
	}
	return m.add(m.tree, block)
}

// add puts an id into the unfinished block at a depth and emits it when full.
func (m *Builder) add(depth int, id clfs.ID) error {
	level := &m.levels[depth]
	level.blocks = append(level.blocks, id)
	if len(level.blocks) < clfs.IndirectFanout {
		return nil
	}
	return m.flush(depth)
}

// flush emits the unfinished block at a depth and enters it in its parent; a
// root goes to the inode and ends its tree.
func (m *Builder) flush(depth int) error {
	level := &m.levels[depth]
	id := m.newID(m.tree, depth, level.emitted)
	err := m.emit(id, object.IndirectBlock{Blocks: level.blocks, Tree: m.tree, Depth: depth, Owner: m.own})
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
func (m *Builder) Finish() (direct []clfs.ID, roots [4]clfs.ID, err error) {
	for tree := m.tree; m.tree == tree && tree < clfs.TreeCount; {
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
			roots[i] = clfs.NullBlock
		}
	}
	return m.direct, roots, nil
}

// deepest is the deepest level with an unfinished block, -1 without any.
func (m *Builder) deepest() int {
	for depth := clfs.TreeCount - 1; depth >= 0; depth-- {
		if len(m.levels[depth].blocks) > 0 {
			return depth
		}
	}
	return -1
}
