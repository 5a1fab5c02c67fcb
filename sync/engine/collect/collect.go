package collect

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"golang.org/x/sync/semaphore"

	"clfsload/rescue"
	"clfsload/state"
	"clfsload/sync/blob"
	"clfsload/sync/engine/blobs"
	"clfsload/sync/engine/claim"
	"clfsload/sync/tree"
)

// pageRows is how many rows are read at a time.
const pageRows = 512

// Parts are what a collector works with.
type Parts struct {
	Journal     *state.Journal
	Container   blob.Container
	Store       *blobs.Store
	Tree        *tree.Tree // reads what another program has put
	Gate        claim.Gate
	Claims      *claim.Set
	Resting     *claim.Resting
	Concurrency int // deletions at a time
}

// Collector deletes the blobs that nothing leads to any more.
type Collector struct {
	Parts
	turn *semaphore.Weighted // held by who deletes, or publishes
}

// New returns a Collector.
func New(parts Parts) *Collector {
	return &Collector{parts, semaphore.NewWeighted(1)}
}

// Lock waits until nobody deletes or publishes, and keeps all others from it until Unlock.
func (c *Collector) Lock(ctx context.Context) error {
	if err := c.turn.Acquire(ctx, 1); err != nil {
		return context.Cause(ctx)
	}
	return nil
}

// Unlock lets the next one delete or publish.
func (c *Collector) Unlock() { c.turn.Release(1) }

// Collect deletes the blobs that nothing leads to any more: those that
// publications and uploads have replaced, and those of nodes that were removed.
func (c *Collector) Collect(ctx context.Context) error {
	if err := c.Lock(ctx); err != nil {
		return err
	}
	defer c.Unlock()
	return c.CollectLocked(ctx)
}

// CollectLocked is Collect for who has the lock.
func (c *Collector) CollectLocked(ctx context.Context) error {
	if err := c.collectRemoved(ctx); err != nil {
		return fmt.Errorf("delete removed files: %w", err)
	}
	if err := c.collectGarbage(ctx); err != nil {
		return fmt.Errorf("delete replaced blobs: %w", err)
	}
	return nil
}

// collectGarbage deletes the blobs that the journal has noted as replaced.
func (c *Collector) collectGarbage(ctx context.Context) error {
	for {
		page, err := c.freeGarbage(ctx)
		if err != nil || len(page) == 0 {
			return err
		}
		// What a crash could bring back must not be deleted.
		if err := c.Journal.Sync(ctx); err != nil {
			return err
		}
		if err := rescue.Each(ctx, c.Concurrency, c.removals(page), call); err != nil {
			return err
		}
		if err := blob.Sync(ctx, c.Container); err != nil {
			return err
		}
		if err := c.Journal.DropGarbage(ctx, idsOf(page)); err != nil || len(page) < pageRows {
			return err
		}
	}
}

// removal deletes a blob, or what a foreign id leads to.
type removal func(context.Context) error

func call(ctx context.Context, r removal) error { return r(ctx) }

// removals are what deletes garbage.
func (c *Collector) removals(page []state.Garbage) iter.Seq[removal] {
	return func(yield func(removal) bool) {
		for _, garbage := range page {
			for name := range garbage.Names() {
				if !yield(func(ctx context.Context) error { return c.Container.Delete(ctx, name) }) {
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
func (c *Collector) freeGarbage(ctx context.Context) (page []state.Garbage, err error) {
	err = c.Gate.Closed(ctx, func() error {
		page, err = c.Journal.FreeGarbage(ctx, pageRows)
		return err
	})
	return page, err
}

// collectRemoved deletes the blobs of nodes that have no name any more, then their
// rows. What is removed meanwhile comes the next time, so that a program which makes and
// removes all the time holds up nobody.
func (c *Collector) collectRemoved(ctx context.Context) error {
	last := c.Journal.LastIno()
	for after := state.Ino(0); after < last; {
		page, err := c.Journal.RemovedNodes(ctx, after, pageRows)
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
func (c *Collector) collectPage(ctx context.Context, page []state.Node) error {
	var claimed []state.Node
	defer func() {
		for _, n := range claimed {
			c.Resting.End(n.Ino)
			c.Claims.Release(n.Ino)
		}
	}()
	for _, n := range page {
		if err := c.Claims.Removal(ctx, n.Ino); err != nil {
			return err
		}
		claimed = append(claimed, n)
	}
	if err := c.Journal.Sync(ctx); err != nil {
		return err
	}
	if err := rescue.Each(ctx, c.Concurrency, slices.Values(claimed), c.removeNode); err != nil {
		return err
	}
	if err := blob.Sync(ctx, c.Container); err != nil {
		return err
	}
	return c.Journal.DropNodes(ctx, claimed)
}

// removeNode deletes every blob that a removed node may have, but for those that
// the journal has as garbage. The row may be older than the claim.
func (c *Collector) removeNode(ctx context.Context, n state.Node) error {
	n, err := c.Journal.Node(ctx, n.Ino)
	if err != nil {
		return err
	}
	if n.Flags&state.Adopted != 0 {
		if err := c.removeBase(ctx, n); err != nil {
			return err
		}
	}
	names, err := c.Journal.NamesOf(ctx, n)
	if err != nil {
		return err
	}
	for name := range names {
		if err := c.Container.Delete(ctx, name); err != nil {
			return err
		}
	}
	return nil
}
