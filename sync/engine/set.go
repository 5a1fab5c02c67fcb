package engine

import (
	"context"
	"sync"

	"clfsload/state"
)

// claims say who works on which node. A node has one job at a time that
// uploads or removes all of it, or several that upload blocks of a file that is
// still being written: a block that is put late must never meet the name of one
// that belongs to a sealed file.
type claims struct {
	mu     sync.Mutex
	whole  map[state.Ino]struct{}
	blocks map[state.Ino]map[uint64]struct{}
	// While reading, what ended since beginReading: rows that were read since then may be
	// older.
	reading      bool
	landed       map[state.Ino]struct{}
	landedBlocks map[blockKey]struct{}
	freed        chan struct{} // closed when a claim is given back; nil: nobody waits
}

type blockKey struct {
	ino   state.Ino
	block uint64
}

func newClaims() *claims {
	return &claims{whole: map[state.Ino]struct{}{}, blocks: map[state.Ino]map[uint64]struct{}{},
		landed: map[state.Ino]struct{}{}, landedBlocks: map[blockKey]struct{}{}}
}

// reset gives back all claims.
func (c *claims) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.whole)
	clear(c.blocks)
	clear(c.landed)
	clear(c.landedBlocks)
	c.reading = false
	c.announce()
}

// beginReading is to be called before rows are read from the journal that jobs are made
// of.
func (c *claims) beginReading() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reading = true
	clear(c.landed)
	clear(c.landedBlocks)
}

// endReading is to be called when no more jobs are made of the rows that were read.
func (c *claims) endReading() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reading = false
	clear(c.landed)
	clear(c.landedBlocks)
}

// upload claims all of a node, whose row was read since beginReading.
func (c *claims) upload(ino state.Ino) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, landed := c.landed[ino]; landed {
		return false
	}
	return c.take(ino)
}

// removal claims all of a node whose row is read only now. It waits for the jobs of the
// node: the node is removed, so they are canceled, and it gets no others.
func (c *claims) removal(ctx context.Context, ino state.Ino) error {
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
func (c *claims) tryRemoval(ino state.Ino) (freed <-chan struct{}, taken bool) {
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
func (c *claims) announce() {
	if c.freed != nil {
		close(c.freed)
		c.freed = nil
	}
}

// none reports whether nobody works on anything.
func (c *claims) none() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.whole) == 0 && len(c.blocks) == 0
}

func (c *claims) take(ino state.Ino) bool {
	if _, taken := c.whole[ino]; taken || len(c.blocks[ino]) > 0 {
		return false
	}
	c.whole[ino] = struct{}{}
	return true
}

func (c *claims) release(ino state.Ino) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.whole, ino)
	c.announce()
	if c.reading {
		c.landed[ino] = struct{}{}
	}
}

// block claims one block of a file, whose row was read since beginReading.
func (c *claims) block(ino state.Ino, block uint64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, whole := c.whole[ino]
	_, landed := c.landed[ino]
	_, landedBlock := c.landedBlocks[blockKey{ino, block}]
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

func (c *claims) releaseBlock(ino state.Ino, block uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.blocks[ino], block)
	c.announce()
	if len(c.blocks[ino]) == 0 {
		delete(c.blocks, ino)
	}
	if c.reading {
		c.landedBlocks[blockKey{ino, block}] = struct{}{}
	}
}
