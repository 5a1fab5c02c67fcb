package memory

import (
	"context"
	"slices"
	"sync"

	"golang.org/x/sync/semaphore"
)

// Budget bounds the bytes of buffers in use and of uploads that are not yet
// recorded.
type Budget struct {
	sem   *semaphore.Weighted
	pools [len(classes)]sync.Pool // of *[]byte, a pool for each class
}

// classes are the sizes of buffers. The largest holds the largest object.
var classes = [...]int{64 << 10, 128 << 10, 256 << 10, 512 << 10, 1 << 20, 2 << 20, 4 << 20, 8<<20 + 64<<10}

// New returns a budget of a number of bytes.
func New(total int64) *Budget {
	return &Budget{sem: semaphore.NewWeighted(total)}
}

// Grant is a share of a budget.
type Grant struct {
	b *Budget
	n int64
}

// Acquire waits for n bytes. ctx ends the wait with its cause.
func (b *Budget) Acquire(ctx context.Context, n int64) (*Grant, error) {
	if err := b.sem.Acquire(ctx, n); err != nil {
		return nil, context.Cause(ctx)
	}
	return &Grant{b, n}, nil
}

// Shrink gives back all but n bytes.
func (g *Grant) Shrink(n int64) {
	if n < g.n {
		g.b.sem.Release(g.n - n)
		g.n = n
	}
}

// Release gives back all.
func (g *Grant) Release() { g.Shrink(0) }

// Bytes is how much is held.
func (g *Grant) Bytes() int64 { return g.n }

// ReleaseAll releases grants.
func ReleaseAll(grants []*Grant) {
	for _, g := range grants {
		g.Release()
	}
}

// Capacity is how much a buffer for n bytes takes.
func Capacity(n int) int64 { return int64(classes[class(n)]) }

func class(n int) int {
	i, _ := slices.BinarySearch(classes[:], n)
	return i
}

// Buffer returns a buffer with room for n bytes, at most the largest class.
func (b *Budget) Buffer(n int) *[]byte {
	c := class(n)
	if p, ok := b.pools[c].Get().(*[]byte); ok {
		return p
	}
	buf := make([]byte, classes[c])
	return &buf
}

// Recycle takes a buffer back.
func (b *Budget) Recycle(p *[]byte) {
	b.pools[class(cap(*p))].Put(p)
}
