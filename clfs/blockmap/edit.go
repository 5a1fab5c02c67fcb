package blockmap

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"clfsload/clfs"
	"clfsload/clfs/object"
)

// A Edit changes a block map that any program may have written: data segments
// get new ids, the map is cut, or it grows (docs/clfs-format.md sections 4 and
// 8). Blocks are numbered as in the direct list: block 0 is the inode, block b is
// data segment b-1.
//
// An indirect block below which nothing changes keeps its id and is not read. The
// others are read, and emitted under new ids. Memory holds the direct list and at
// most two indirect blocks for each level of a tree, an old one and a new one.
//
// A list that is written again, the direct list or an indirect block, loses its
// entries past the new end. A null id replaces each missing entry that has another
// one behind it: the block becomes a hole. Entries that are missing at the end of a
// list stay missing, so readers still report their blocks as lost.
type Edit struct {
	Direct []clfs.ID  // of the old map; entry 0 is the inode's own id
	Roots  [4]clfs.ID // of the old map
	Old    uint64     // blocks of the old map by the size of its file, the inode included: at least 1
	Keep   uint64     // blocks 1 to Keep-1 stand, except those of NextNew. At least 1, at most Old and Blocks
	Blocks uint64     // blocks of the new map, the inode included

	// NextNew returns the first block from `from` on that has a new id, and this id.
	// A null id makes a hole. Block 0 says that there is none. All blocks from Keep to
	// Blocks-1 must have new ids. from is higher in each call.
	NextNew func(from uint64) (block uint64, id clfs.ID, err error)
	// NewIndirect names indirect block index (from 0) of a tree at a depth, usually
	// by [clfs.IndirectID]. The old map must not have this id.
	NewIndirect func(tree, depth int, index uint64) clfs.ID
	// Read reads an indirect block of the old map. It must check that the block belongs
	// to the inode, the tree and the depth.
	Read func(id clfs.ID, tree, depth int) (object.IndirectBlock, error)
	// Emit gets each new indirect block once, below before above. The block has no
	// Ctime yet, and its Blocks are only valid until Emit returns.
	Emit func(id clfs.ID, b object.IndirectBlock) error
	// Replaced gets each id that the new map no longer has in its place, but no null
	// ids. An id that a damaged map has in two places may still be in the other one.
	Replaced func(kind Replaced, id clfs.ID) error
}

// Replaced says what an id stood for that an edited block map no longer has.
type Replaced int

const (
	ReplacedSegment  Replaced = iota // a data segment
	ReplacedIndirect                 // an indirect block alone: its entries stand or are reported themselves
	ReplacedSubtree                  // an indirect block and everything below it, which was not read
)

// Run edits the map. It returns the new direct list, entry 0 being the own id, and the
// new roots, [clfs.NullBlock] for a tree that is not used. If nothing changes, these are the
// old ones, and no callback but NextNew is called. Run fails with the error of a
// callback, if Keep is out of range, and if NextNew leaves out a block that must have a new id. After
// an error the old map is still valid: callers must not delete what was reported as replaced.
func (e *Edit) Run() (direct []clfs.ID, roots [4]clfs.ID, err error) {
	if err := e.check(); err != nil {
		return nil, roots, fmt.Errorf("edit block map: %w", err)
	}
	m := editor{Edit: e}
	if direct, roots, err = m.run(); err != nil {
		return nil, [4]clfs.ID{}, fmt.Errorf("edit block map of %s: %w", e.Direct[0], err)
	}
	for i := range roots {
		if roots[i].IsNull() {
			roots[i] = clfs.NullBlock
		}
	}
	return direct, roots, nil
}

func (e *Edit) check() error {
	if len(e.Direct) == 0 {
		return errors.New("the direct list lacks the own id")
	}
	if e.Keep < 1 || e.Keep > min(e.Old, e.Blocks) || e.Blocks > maxBlocks+1 {
		return fmt.Errorf("%s: keep %d of %d blocks for %d, want 1 to both of them, and at most %d",
			e.Direct[0], e.Keep, e.Old, e.Blocks, uint64(maxBlocks+1))
	}
	return nil
}

// A editor is one run of a Edit.
type editor struct {
	*Edit
	block uint64                        // the next new block, noBlock after the last one
	id    clfs.ID                       // its id
	lists [clfs.TreeCount + 1][]clfs.ID // the new list of each depth, from -1 on: the direct list
}

const noBlock = math.MaxUint64

// A node is a place in a block map: the direct list (tree -1, depth -1), an
// indirect block, or at the depth below that of a tree's leaves a data segment.
type node struct {
	tree, depth int
	index       uint64 // among those of its tree and depth
	first       uint64 // the first of its blocks
}

// blocks is how many blocks fit below a node; a segment is one.
func (n node) blocks() uint64 { return treeBlocks(n.tree - n.depth) }

func (n node) isSegment() bool { return n.depth > n.tree }

func (n node) child(i int) node {
	c := node{tree: n.tree, depth: n.depth + 1, index: n.index*clfs.IndirectFanout + uint64(i), first: n.first}
	c.first += uint64(i) * c.blocks()
	return c
}

func (m *editor) run() (direct []clfs.ID, roots [4]clfs.ID, err error) {
	next, err := m.nextNew(1)
	if err != nil {
		return nil, roots, err
	}
	if next == noBlock && m.Old == m.Blocks {
		return m.Direct, m.Roots, nil
	}
	if direct, err = m.list(m.Direct, node{tree: -1, depth: -1}, clfs.MaxDirect); err != nil {
		return nil, roots, err
	}
	first := uint64(clfs.MaxDirect)
	for tree, root := range m.Roots {
		n := node{tree: tree, first: first}
		if first >= m.Blocks {
			err = m.drop(root, n)
		} else {
			roots[tree], err = m.edit(root, n)
		}
		if err != nil {
			return nil, roots, err
		}
		first += n.blocks()
	}
	return direct, roots, nil
}

// nextNew is the first new block that is at least from, noBlock if there is none.
func (m *editor) nextNew(from uint64) (uint64, error) {
	if m.block >= from {
		return m.block, nil
	}
	block, id, err := m.NextNew(from)
	if err != nil {
		return 0, err
	}
	if block == 0 || block >= m.Blocks {
		block = noBlock
	}
	if must := max(from, m.Keep); block < from || block > must && must < m.Blocks {
		return 0, fmt.Errorf("find the first new block from %d on: not found, or not in order; all from %d to %d are new", from, m.Keep, m.Blocks-1)
	}
	if id.IsNull() {
		id = clfs.NullBlock
	}
	m.block, m.id = block, id
	return block, nil
}

// edit returns the new id of a node before the new end: the old one if nothing
// changes below it. The old id is empty if the list above has no entry for it.
func (m *editor) edit(old clfs.ID, n node) (clfs.ID, error) {
	next, err := m.nextNew(n.first)
	if err != nil {
		return "", err
	}
	end := n.first + n.blocks()
	isCut := m.Blocks < min(m.Old, end)
	switch {
	case next >= end && !isCut:
		return old, nil
	case n.isSegment():
		return m.id, m.replaced(ReplacedSegment, old, m.id)
	}
	return m.rewrite(old, n)
}

// rewrite emits the indirect block of a node below which something may change.
func (m *editor) rewrite(old clfs.ID, n node) (clfs.ID, error) {
	if n.first >= m.Keep {
		if err := m.drop(old, n); err != nil {
			return "", err
		}
		old = ""
	}
	var base object.IndirectBlock
	if !old.IsNull() {
		var err error
		if base, err = m.Read(old, n.tree, n.depth); err != nil {
			return "", err
		}
	}
	list, err := m.list(base.Blocks, n, clfs.IndirectFanout)
	if err != nil {
		return "", err
	}
	if slices.Equal(list, base.Blocks) {
		return old, nil // there was nothing to cut
	}
	id := m.NewIndirect(n.tree, n.depth, n.index)
	if err := m.Emit(id, object.IndirectBlock{Blocks: list, Tree: n.tree, Depth: n.depth, Owner: m.Direct[0]}); err != nil {
		return "", err
	}
	return id, m.replaced(ReplacedIndirect, old, id)
}

// list edits the list of a node, which holds at most so many ids. The result is
// valid until the next list of this depth.
func (m *editor) list(base []clfs.ID, n node, most uint64) ([]clfs.ID, error) {
	list := m.lists[n.depth+1][:0]
	count := int(min(most, (m.Blocks-n.first-1)/n.child(0).blocks()+1))
	for i := range count {
		var old clfs.ID
		if i < len(base) {
			old = base[i]
		}
		id, err := m.edit(old, n.child(i))
		if err != nil {
			return nil, err
		}
		if i < len(base) || id != "" {
			list = putEntry(list, i, id)
		}
	}
	m.lists[n.depth+1] = list
	for i := count; i < len(base); i++ {
		if err := m.drop(base[i], n.child(i)); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// putEntry appends entry i to a list, after holes for those that are missing
// before it.
func putEntry(list []clfs.ID, i int, id clfs.ID) []clfs.ID {
	for len(list) < i {
		list = append(list, clfs.NullBlock)
	}
	if id.IsNull() {
		id = clfs.NullBlock
	}
	return append(list, id)
}

// drop reports a node that the new map does not have, with everything below it.
func (m *editor) drop(old clfs.ID, n node) error {
	if n.isSegment() {
		return m.replaced(ReplacedSegment, old, "")
	}
	return m.replaced(ReplacedSubtree, old, "")
}

// replaced reports an old id, unless it was null or the new one is the same.
func (m *editor) replaced(kind Replaced, old, id clfs.ID) error {
	if old.IsNull() || old == id {
		return nil
	}
	return m.Replaced(kind, old)
}
