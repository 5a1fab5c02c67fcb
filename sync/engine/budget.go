package engine

import (
	"context"
	"slices"
	"sync"

	"golang.org/x/sync/semaphore"
)

// budget bounds the bytes of buffers in use and of uploads that are not yet
// recorded.
type budget struct {
	sem   *semaphore.Weighted
	pools [len(classes)]sync.Pool // of *[]byte, a pool for each class
}

// classes are the sizes of buffers. The largest holds the largest object.
var classes = [...]int{64 << 10, 128 << 10, 256 << 10, 512 << 10, 1 << 20, 2 << 20, 4 << 20, 8<<20 + 64<<10}

func newBudget(total int64) *budget {
	return &budget{sem: semaphore.NewWeighted(total)}
}

// grant is a share of the budget that somebody holds.
type grant struct {
	b *budget
	n int64
}

func (b *budget) acquire(ctx context.Context, n int64) (*grant, error) {
	if err := b.sem.Acquire(ctx, n); err != nil {
		return nil, context.Cause(ctx)
	}
	return &grant{b, n}, nil
}

// shrink gives back all but n bytes.
func (g *grant) shrink(n int64) {
	if n < g.n {
		g.b.sem.Release(g.n - n)
		g.n = n
	}
}

func (g *grant) release() { g.shrink(0) }

// bytes is how much is held.
func (g *grant) bytes() int64 { return g.n }

func releaseAll(grants []*grant) {
	for _, g := range grants {
		g.release()
	}
}

// capacity is how much a buffer for n bytes takes.
func capacity(n int) int64 { return int64(classes[class(n)]) }

func class(n int) int {
	i, _ := slices.BinarySearch(classes[:], n)
	return i
}

// buffer returns a buffer with room for n bytes, at most the largest class.
func (b *budget) buffer(n int) *[]byte {
	c := class(n)
	if p, ok := b.pools[c].Get().(*[]byte); ok {
		return p
	}
	buf := make([]byte, classes[c])
	return &buf
}

func (b *budget) recycle(p *[]byte) {
	b.pools[class(cap(*p))].Put(p)
}
