package claim

import (
	"context"

	"golang.org/x/sync/semaphore"
)

// Gate keeps inode puts and decisions about all of them apart. Who puts an inode
// that is not published is inside from the moment when he decides that it is not
// until the put is recorded. Who closes the gate (to begin a publication, to
// choose what is garbage) sees no put under way that the journal does not know of.
type Gate struct{ sem *semaphore.Weighted }

// gateWidth is how many can be inside at a time: more than there ever are.
const gateWidth = 1 << 30

// NewGate returns an open gate.
func NewGate() Gate { return Gate{semaphore.NewWeighted(gateWidth)} }

// Enter waits while the gate is closed, or somebody waits to close it. Memory of
// the budget is to be acquired before: who waits for memory inside could wait for
// somebody who holds some and waits to enter.
func (g Gate) Enter(ctx context.Context) error {
	if err := g.sem.Acquire(ctx, 1); err != nil {
		return context.Cause(ctx)
	}
	return nil
}

// Leave is for who has entered.
func (g Gate) Leave() { g.sem.Release(1) }

// Closed runs fn while nobody is inside.
func (g Gate) Closed(ctx context.Context, fn func() error) error {
	if err := g.sem.Acquire(ctx, gateWidth); err != nil {
		return context.Cause(ctx)
	}
	defer g.sem.Release(gateWidth)
	return fn()
}
