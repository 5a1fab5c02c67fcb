package clfs

import "fmt"

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
	levels [TreeCount]levelState // its unfinished blocks by depth
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
	if m.tree == TreeCount {
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
	for tree := m.tree; m.tree == tree && tree < TreeCount; {
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
	for depth := TreeCount - 1; depth >= 0; depth-- {
		if len(m.levels[depth].blocks) > 0 {
			return depth
		}
	}
	return -1
}
