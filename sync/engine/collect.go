package engine

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"clfsload/rescue"
	"clfsload/state"
	"clfsload/sync/blob"
)

// ErrLeftover: a publication is complete, but not everything that it replaced, or that
// was removed before it, could be deleted. Collect and the next publication do that.
var ErrLeftover = errors.New("blobs that are no longer needed are not deleted")

// Collect deletes the blobs that nothing leads to any more: those that
// publications and uploads have replaced, and those of nodes that were removed.
func (e *Engine) Collect(ctx context.Context) error {
	if err := e.tidying.Acquire(ctx, 1); err != nil {
		return context.Cause(ctx)
	}
	defer e.tidying.Release(1)
	return e.collect(ctx)
}

func (e *Engine) collect(ctx context.Context) error {
	if err := e.collectRemoved(ctx); err != nil {
		return fmt.Errorf("delete removed files: %w", err)
	}
	if err := e.collectGarbage(ctx); err != nil {
		return fmt.Errorf("delete replaced blobs: %w", err)
	}
	return nil
}

// collectGarbage deletes the blobs that the journal has noted as replaced.
func (e *Engine) collectGarbage(ctx context.Context) error {
	for {
		page, err := e.freeGarbage(ctx)
		if err != nil || len(page) == 0 {
			return err
		}
		// What a crash could bring back must not be deleted.
		if err := e.journal.Sync(ctx); err != nil {
			return err
		}
		if err := rescue.Each(ctx, e.options.Concurrency, e.removals(page), call); err != nil {
			return err
		}
		if err := blob.Sync(ctx, e.container); err != nil {
			return err
		}
		if err := e.journal.DropGarbage(ctx, idsOf(page)); err != nil || len(page) < feedPage {
			return err
		}
	}
}

// removal deletes a blob, or what a foreign id leads to.
type removal func(context.Context) error

func call(ctx context.Context, r removal) error { return r(ctx) }

// removals are what deletes garbage.
func (e *Engine) removals(page []state.Garbage) iter.Seq[removal] {
	return func(yield func(removal) bool) {
		for _, garbage := range page {
			for name := range garbage.Names() {
				if !yield(func(ctx context.Context) error { return e.container.Delete(ctx, name) }) {
					return
				}
			}
			f, foreign := garbage.Foreign()
			if foreign && !yield(func(ctx context.Context) error { return e.removeForeign(ctx, f) }) {
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
func (e *Engine) freeGarbage(ctx context.Context) (page []state.Garbage, err error) {
	err = e.gate.closed(ctx, func() error {
		page, err = e.journal.FreeGarbage(ctx, feedPage)
		return err
	})
	return page, err
}

// collectRemoved deletes the blobs of nodes that have no name any more, then their
// rows. What is removed meanwhile comes the next time, so that a program which makes and
// removes all the time holds up nobody.
func (e *Engine) collectRemoved(ctx context.Context) error {
	last := e.journal.LastIno()
	for after := state.Ino(0); after < last; {
		page, err := e.journal.RemovedNodes(ctx, after, feedPage)
		if err != nil || len(page) == 0 {
			return err
		}
		after = page[len(page)-1].Ino
		if err := e.collectPage(ctx, page); err != nil || len(page) < feedPage {
			return err
		}
	}
	return nil
}

// collectPage deletes the blobs of removed nodes. It waits for uploads of them to end:
// one that ended later would leave blobs behind.
func (e *Engine) collectPage(ctx context.Context, page []state.Node) error {
	var claimed []state.Node
	defer func() {
		for _, n := range claimed {
			e.resting.forget(n.Ino)
			e.claims.release(n.Ino)
		}
	}()
	for _, n := range page {
		if err := e.claims.removal(ctx, n.Ino); err != nil {
			return err
		}
		claimed = append(claimed, n)
	}
	if err := e.journal.Sync(ctx); err != nil {
		return err
	}
	if err := rescue.Each(ctx, e.options.Concurrency, slices.Values(claimed), e.removeNode); err != nil {
		return err
	}
	if err := blob.Sync(ctx, e.container); err != nil {
		return err
	}
	return e.journal.DropNodes(ctx, claimed)
}

// removeNode deletes every blob that a removed node may have, but for those that
// the journal has as garbage. The row may be older than the claim.
func (e *Engine) removeNode(ctx context.Context, n state.Node) error {
	n, err := e.journal.Node(ctx, n.Ino)
	if err != nil {
		return err
	}
	if n.Flags&state.Adopted != 0 {
		if err := e.removeBase(ctx, n); err != nil {
			return err
		}
	}
	names, err := e.journal.NamesOf(ctx, n)
	if err != nil {
		return err
	}
	for name := range names {
		if err := e.container.Delete(ctx, name); err != nil {
			return err
		}
	}
	return nil
}
