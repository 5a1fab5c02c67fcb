package limit

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"

	"golang.org/x/time/rate"

	"clfsload/sync/blob"
)

// Limiter bounds bytes a second. It may be shared by many containers and used by
// many goroutines.
type Limiter struct {
	turn chan struct{} // has an element while somebody waits for bytes

	mu      sync.Mutex
	limiter *rate.Limiter
	changed chan struct{} // closed when limiter is replaced
}

// New returns a Limiter of that many bytes a second; 0 is no limit.
func New(bytesPerSecond int64) *Limiter {
	return &Limiter{turn: make(chan struct{}, 1), limiter: newRate(bytesPerSecond), changed: make(chan struct{})}
}

// slices per second
const slices = 4

func newRate(bytesPerSecond int64) *rate.Limiter {
	if bytesPerSecond <= 0 {
		return rate.NewLimiter(rate.Inf, math.MaxInt)
	}
	return rate.NewLimiter(rate.Limit(bytesPerSecond), int(max(bytesPerSecond/slices, 1)))
}

// Set changes the rate, also for puts that already wait; 0 is no limit.
func (l *Limiter) Set(bytesPerSecond int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.limiter = newRate(bytesPerSecond)
	close(l.changed)
	l.changed = make(chan struct{})
}

// BytesPerSecond returns the rate; 0 is no limit.
func (l *Limiter) BytesPerSecond() int64 {
	limiter, _ := l.current()
	if limiter.Limit() == rate.Inf {
		return 0
	}
	return int64(limiter.Limit())
}

func (l *Limiter) current() (limiter *rate.Limiter, changed <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.limiter, l.changed
}

// wait returns when n bytes may be sent, or with the cause of ctx's end.
func (l *Limiter) wait(ctx context.Context, n int) error {
	if limiter, _ := l.current(); limiter.Limit() == rate.Inf {
		return nil
	}
	select {
	case l.turn <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-l.turn }()
	for n > 0 {
		limiter, changed := l.current()
		slice := min(n, limiter.Burst())
		passed, err := waitSlice(ctx, limiter, slice, changed)
		if err != nil {
			return err
		}
		if passed {
			n -= slice
		}
	}
	return nil
}

// waitSlice waits for a part of a blob. It has not passed when the rate was
// changed before its time came.
func waitSlice(ctx context.Context, limiter *rate.Limiter, n int, changed <-chan struct{}) (passed bool, err error) {
	within, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		select {
		case <-changed:
			cancel()
		case <-stop:
		}
	}()
	if limiter.WaitN(within, n) == nil {
		return true, nil
	}
	// A deadline that comes before the turn does is refused at once: then wait
	// for it, so that the caller sees its own context's end.
	select {
	case <-changed:
		return false, nil
	case <-ctx.Done():
		return false, context.Cause(ctx)
	}
}

// Container puts at most at the rate of its Limiter.
type Container struct {
	blob.Container
	limiter *Limiter
}

// Wrap returns c with puts limited by l.
func Wrap(c blob.Container, l *Limiter) *Container { return &Container{c, l} }

// Put waits for its turn, then puts.
func (c *Container) Put(ctx context.Context, name string, data []byte) error {
	if err := c.limiter.wait(ctx, len(data)); err != nil {
		return err
	}
	return c.Container.Put(ctx, name, data)
}

// PutWhole implements blob.WholePutter: it waits as Put does.
func (c *Container) PutWhole(ctx context.Context, name string, data []byte) error {
	if err := c.limiter.wait(ctx, len(data)); err != nil {
		return err
	}
	return blob.PutWhole(ctx, c.Container, name, data)
}

// Sync implements blob.Syncer.
func (c *Container) Sync(ctx context.Context) error { return blob.Sync(ctx, c.Container) }

// AcquireLease implements blob.Leaser if the inner container does; otherwise its error is
// errors.ErrUnsupported.
func (c *Container) AcquireLease(ctx context.Context, name string, r blob.LeaseRequest) (blob.Lease, error) {
	l, ok := c.Container.(blob.Leaser)
	if !ok {
		return nil, fmt.Errorf("lease %s: %w", name, errors.ErrUnsupported)
	}
	return l.AcquireLease(ctx, name, r)
}
