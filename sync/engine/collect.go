package engine

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"golang.org/x/sync/semaphore"

	"clfsload/rescue"
	"clfsload/state"
	"clfsload/sync/blob"
	"clfsload/sync/tree"
)

// pageRows is how many rows are read at a time.
const pageRows = 512

// collectorParts are what a collector works with.
type collectorParts struct {
	journal     *state.Journal
	container   blob.Container
	store       *store
	tree        *tree.Tree // reads what another program has put
	gate        gate
	claims      *claims
	resting     *resting
	concurrency int // deletions at a time
}

// collector deletes the blobs that nothing leads to any more.
type collector struct {
	collectorParts
	turn *semaphore.Weighted // held by who deletes, or publishes
}

func newCollector(parts collectorParts) *collector {
	return &collector{parts, semaphore.NewWeighted(1)}
}

// lock waits until nobody deletes or publishes, and lets nobody else until unlock.
func (c *collector) lock(ctx context.Context) error {
	if err := c.turn.Acquire(ctx, 1); err != nil {
		return context.Cause(ctx)
	}
	return nil
}

func (c *collector) unlock() { c.turn.Release(1) }

// Collect deletes the blobs that nothing leads to any more: those that
// publications and uploads have replaced, and those of nodes that were removed.
func (c *collector) Collect(ctx context.Context) error {
	if err := c.lock(ctx); err != nil {
		return err
	}
	defer c.unlock()
	return c.collect(ctx)
}

// collect is Collect for who has the lock.
func (c *collector) collect(ctx context.Context) error {
	if err := c.collectRemoved(ctx); err != nil {
		return fmt.Errorf("delete removed files: %w", err)
	}
	if err := c.collectGarbage(ctx); err != nil {
		return fmt.Errorf("delete replaced blobs: %w", err)
	}
	return nil
}

// collectGarbage deletes the blobs that the journal has noted as replaced.
func (c *collector) collectGarbage(ctx context.Context) error {
	for {
		page, err := c.freeGarbage(ctx)
		if err != nil || len(page) == 0 {
			return err
		}
		// What a crash could bring back must not be deleted.
		if err := c.journal.Sync(ctx); err != nil {
			return err
		}
		if err := rescue.Each(ctx, c.concurrency, c.removals(page), call); err != nil {
			return err
		}
		if err := blob.Sync(ctx, c.container); err != nil {
			return err
		}
		if err := c.journal.DropGarbage(ctx, idsOf(page)); err != nil || len(page) < pageRows {
			return err
		}
	}
}

// removal deletes a blob, or what a foreign id leads to.
type removal func(context.Context) error

func call(ctx context.Context, r removal) error { return r(ctx) }

// removals are what deletes garbage.
func (c *collector) removals(page []state.Garbage) iter.Seq[removal] {
	return func(yield func(removal) bool) {
		for _, garbage := range page {
			for name := range garbage.Names() {
				if !yield(func(ctx context.Context) error { return c.container.Delete(ctx, name) }) {
					return
				}
			}
			f, foreign := garbage.Foreign()
			if foreign && !yield(func(ctx context.Context) error { return c.removeForeign(ctx, f) }) {
				return
			}
		}
	}
}

func idsOf(page []state.Garbage) []int64 {
	ids := make([]int64, len(page))
	for i, garbage := range page {
		ids[i] = garbage.ID
	}
	return ids
}

// freeGarbage takes a page of names that no put is under way for: there may have
// been one when a name became garbage, but not while the gate is closed, and later
// ones take other names.
func (c *collector) freeGarbage(ctx context.Context) (page []state.Garbage, err error) {
	err = c.gate.closed(ctx, func() error {
		page, err = c.journal.FreeGarbage(ctx, pageRows)
		return err
	})
	return page, err
}

// collectRemoved deletes the blobs of nodes that have no name any more, then their
// rows. What is removed meanwhile comes the next time, so that a program which makes and
// removes all the time holds up nobody.
func (c *collector) collectRemoved(ctx context.Context) error {
	last := c.journal.LastIno()
	for after := state.Ino(0); after < last; {
		page, err := c.journal.RemovedNodes(ctx, after, pageRows)
		if err != nil || len(page) == 0 {
			return err
		}
		after = page[len(page)-1].Ino
		if err := c.collectPage(ctx, page); err != nil || len(page) < pageRows {
			return err
		}
	}
	return nil
}

// collectPage deletes the blobs of removed nodes. It waits for uploads of them to end:
// one that ended later would leave blobs behind.
func (c *collector) collectPage(ctx context.Context, page []state.Node) error {
	var claimed []state.Node
	defer func() {
		for _, n := range claimed {
			c.resting.end(n.Ino)
			c.claims.release(n.Ino)
		}
	}()
	for _, n := range page {
		if err := c.claims.removal(ctx, n.Ino); err != nil {
			return err
		}
		claimed = append(claimed, n)
	}
	if err := c.journal.Sync(ctx); err != nil {
		return err
	}
	if err := rescue.Each(ctx, c.concurrency, slices.Values(claimed), c.removeNode); err != nil {
		return err
	}
	if err := blob.Sync(ctx, c.container); err != nil {
		return err
	}
	return c.journal.DropNodes(ctx, claimed)
}

// removeNode deletes every blob that a removed node may have, but for those that
// the journal has as garbage. The row may be older than the claim.
func (c *collector) removeNode(ctx context.Context, n state.Node) error {
	n, err := c.journal.Node(ctx, n.Ino)
	if err != nil {
		return err
	}
	if n.Flags&state.Adopted != 0 {
		if err := c.removeBase(ctx, n); err != nil {
			return err
		}
	}
	names, err := c.journal.NamesOf(ctx, n)
	if err != nil {
		return err
	}
	for name := range names {
		if err := c.container.Delete(ctx, name); err != nil {
			return err
		}
	}
	return nil
}
