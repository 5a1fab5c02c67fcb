package claim

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
)

func TestANodeHasOneJobThatTakesAllOfIt(t *testing.T) {
	c := NewSet()
	c.BeginReading()
	if !c.Upload(1) || c.Upload(1) || c.Block(1, 5) {
		t.Error("a node that is claimed was claimed again")
	}
	if !c.Upload(2) || c.None() {
		t.Error("a claim keeps others from another node")
	}
}

func TestBlocksOfANodeAreClaimedSideBySide(t *testing.T) {
	c := NewSet()
	c.BeginReading()
	if !c.Block(1, 1) || !c.Block(1, 2) || c.Block(1, 2) || c.Upload(1) {
		t.Error("blocks exclude each other, or do not exclude the whole node")
	}
	c.ReleaseBlock(1, 1)
	if c.Upload(1) {
		t.Error("a node was claimed of which a block is claimed")
	}
	c.ReleaseBlock(1, 2)
	if !c.None() {
		t.Error("a claim is left")
	}
}

// Its row may be older than what became of the claim.
func TestWhatWasReleasedWhileRowsAreReadIsNotClaimed(t *testing.T) {
	c := NewSet()
	c.BeginReading()
	c.Upload(1)
	c.Block(2, 7)
	c.Release(1)
	c.ReleaseBlock(2, 7)
	if c.Upload(1) || c.Block(1, 3) || c.Block(2, 7) {
		t.Error("a row that may be old became a job")
	}
	if !c.Block(2, 8) {
		t.Error("a block was refused because of another one")
	}
	c.BeginReading()
	if !c.Upload(1) {
		t.Error("a row that was read anew became no job")
	}
}

func TestARemovalWaitsForTheJobsOfTheNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewSet()
		c.BeginReading()
		c.Block(1, 1)
		c.Block(1, 2)
		claimed := false
		go func() { claimed = c.Removal(t.Context(), 1) == nil }()
		synctest.Wait()
		c.ReleaseBlock(1, 1)
		synctest.Wait()
		if claimed {
			t.Error("a node was claimed of which a block is claimed")
		}
		c.ReleaseBlock(1, 2)
		synctest.Wait()
		if !claimed {
			t.Error("a removal waits for nothing")
		}
	})
}

func TestARemovalEndsWithItsContext(t *testing.T) {
	stop := errors.New("stop")
	c := NewSet()
	c.BeginReading()
	c.Upload(1)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(stop)
	if err := c.Removal(ctx, 1); !errors.Is(err, stop) {
		t.Errorf("error %v", err)
	}
	c.Reset()
	if err := c.Removal(t.Context(), 1); err != nil || c.None() {
		t.Errorf("after all claims were given back: error %v", err)
	}
}
