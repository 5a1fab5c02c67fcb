package claim

import (
	"context"
	"sync"

	"clfsload/state"
)

// Set says who works on which node. A node has one job at a time that
// uploads or removes all of it, or several that upload blocks of a file that is
// still being written: a block that is put late must never meet the name of one
// that belongs to a sealed file.
type Set struct {
	mu     sync.Mutex
	whole  map[state.Ino]struct{}
	blocks map[state.Ino]map[uint64]struct{}
	// While reading, what ended since BeginReading: rows that were read since then may be
	// older.
	reading      bool
	landed       map[state.Ino]struct{}
	landedBlocks map[BlockKey]struct{}
	freed        chan struct{} // closed when a claim is given back; nil: nobody waits
}

// BlockKey is a block of a file. Keys are in order of inodes, then of blocks.
type BlockKey struct {
	Ino   state.Ino
	Block uint64
}

// NewSet returns a Set without claims.
func NewSet() *Set {
	return &Set{whole: map[state.Ino]struct{}{}, blocks: map[state.Ino]map[uint64]struct{}{},
		landed: map[state.Ino]struct{}{}, landedBlocks: map[BlockKey]struct{}{}}
}

// Reset gives back all claims.
func (c *Set) Reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.whole)
	clear(c.blocks)
	clear(c.landed)
	clear(c.landedBlocks)
	c.reading = false
	c.announce()
}

// BeginReading is to be called before rows are read from the journal that jobs are made
// of.
func (c *Set) BeginReading() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reading = true
	clear(c.landed)
	clear(c.landedBlocks)
}

// EndReading is to be called when no more jobs are made of the rows that were read.
func (c *Set) EndReading() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reading = false
	clear(c.landed)
	clear(c.landedBlocks)
}

// Upload claims all of a node, whose row was read since BeginReading.
func (c *Set) Upload(ino state.Ino) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, landed := c.landed[ino]; landed {
		return false
	}
	return c.take(ino)
}

// Removal claims all of a node whose row is read only now. It waits for the jobs of the
// node: the node is removed, so they are canceled, and it gets no others.
func (c *Set) Removal(ctx context.Context, ino state.Ino) error {
	for {
		freed, taken := c.tryRemoval(ino)
		if taken {
			return nil
		}
		select {
		case <-freed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// tryRemoval returns a channel that is closed when it is worth another try.
func (c *Set) tryRemoval(ino state.Ino) (freed <-chan struct{}, taken bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.take(ino) {
		return nil, true
	}
	if c.freed == nil {
		c.freed = make(chan struct{})
	}
	return c.freed, false
}

// announce wakes those who wait for a claim.
func (c *Set) announce() {
	if c.freed != nil {
		close(c.freed)
		c.freed = nil
	}
}

// None reports whether nobody works on anything.
func (c *Set) None() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.whole) == 0 && len(c.blocks) == 0
}

func (c *Set) take(ino state.Ino) bool {
	if _, taken := c.whole[ino]; taken || len(c.blocks[ino]) > 0 {
		return false
	}
	c.whole[ino] = struct{}{}
	return true
}

// Release gives all of a node back.
func (c *Set) Release(ino state.Ino) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.whole, ino)
	c.announce()
	if c.reading {
		c.landed[ino] = struct{}{}
	}
}

// Block claims one block of a file, whose row was read since BeginReading.
func (c *Set) Block(ino state.Ino, block uint64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, whole := c.whole[ino]
	_, landed := c.landed[ino]
	_, landedBlock := c.landedBlocks[BlockKey{ino, block}]
	_, taken := c.blocks[ino][block]
	if whole || landed || landedBlock || taken {
		return false
	}
	if c.blocks[ino] == nil {
		c.blocks[ino] = map[uint64]struct{}{}
	}
	c.blocks[ino][block] = struct{}{}
	return true
}

// ReleaseBlock gives a block back.
func (c *Set) ReleaseBlock(ino state.Ino, block uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.blocks[ino], block)
	c.announce()
	if len(c.blocks[ino]) == 0 {
		delete(c.blocks, ino)
	}
	if c.reading {
		c.landedBlocks[BlockKey{ino, block}] = struct{}{}
	}
}
