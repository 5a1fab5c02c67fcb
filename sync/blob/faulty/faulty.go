package faulty

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"clfsload/sync/blob"
)

// Method is one of the calls of blob.Container, or Sync, or one about a lease.
type Method string

// The calls that can fail.
const (
	Put     Method = "Put"
	Get     Method = "Get"
	Delete  Method = "Delete"
	List    Method = "List"
	Sync    Method = "Sync"
	Lease   Method = "Lease" // AcquireLease
	Renew   Method = "Renew"
	Release Method = "Release"
)

// Fault is what happens to one call. Exactly one of Err and Hang is to be set.
type Fault struct {
	Err    error  // what the call returns
	Hang   bool   // the call waits for its context to end, and returns that context's error
	After  bool   // the call has its effect first: only the answer is lost
	Prefix string // only a call whose name, or List's prefix, begins with it is met; others pass
	Skip   int    // how many such calls pass before
}

// Container passes calls on to another container, but for those that meet a fault.
type Container struct {
	inner blob.Container

	mu     sync.Mutex
	faults map[Method][]Fault
	calls  map[Method]int
}

var (
	_ blob.Container = (*Container)(nil)
	_ blob.Syncer    = (*Container)(nil)
	_ blob.Leaser    = (*Container)(nil)
)

// New returns a container that passes all calls to inner until On is called.
func New(inner blob.Container) *Container {
	return &Container{inner: inner, faults: make(map[Method][]Fault), calls: make(map[Method]int)}
}

// On adds faults to those that calls of m will meet: one fault a call, in order.
func (c *Container) On(m Method, faults ...Fault) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults[m] = append(c.faults[m], faults...)
}

// Calls returns how many calls of m there were, those with faults included.
func (c *Container) Calls(m Method) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.calls[m]
}

// Check fails the test if a fault was not met.
func (c *Container) Check(t testing.TB) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for m, left := range c.faults {
		for _, f := range left {
			t.Errorf("fault was never met: %s %+v", m, f)
		}
	}
}

// next counts a call and takes the fault that it meets.
func (c *Container) next(m Method, name string) (Fault, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls[m]++
	queue := c.faults[m]
	if len(queue) == 0 || !strings.HasPrefix(name, queue[0].Prefix) {
		return Fault{}, false
	}
	if queue[0].Skip > 0 {
		queue[0].Skip--
		return Fault{}, false
	}
	c.faults[m] = queue[1:]
	return queue[0], true
}

// call runs do, or the next fault of m instead of it or after it.
func (c *Container) call(ctx context.Context, m Method, name string, do func() error) error {
	f, met := c.next(m, name)
	if !met {
		return do()
	}
	if f.After {
		if err := do(); err != nil {
			return err
		}
	}
	if f.Hang {
		<-ctx.Done()
		return fmt.Errorf("%s %s: %w", m, name, ctx.Err())
	}
	return fmt.Errorf("%s %s: %w", m, name, f.Err)
}

// String returns the inner container's name.
func (c *Container) String() string { return c.inner.String() }

// Put implements blob.Container.
func (c *Container) Put(ctx context.Context, name string, data []byte) error {
	return c.call(ctx, Put, name, func() error { return c.inner.Put(ctx, name, data) })
}

// Get implements blob.Container.
func (c *Container) Get(ctx context.Context, name string, offset, length int64) (o blob.Object, err error) {
	err = c.call(ctx, Get, name, func() error {
		o, err = c.inner.Get(ctx, name, offset, length)
		return err
	})
	if err != nil {
		return blob.Object{}, err
	}
	return o, nil
}

// Delete implements blob.Container.
func (c *Container) Delete(ctx context.Context, name string) error {
	return c.call(ctx, Delete, name, func() error { return c.inner.Delete(ctx, name) })
}

// List implements blob.Container.
func (c *Container) List(ctx context.Context, prefix, marker string) (p blob.Page, err error) {
	err = c.call(ctx, List, prefix, func() error {
		p, err = c.inner.List(ctx, prefix, marker)
		return err
	})
	if err != nil {
		return blob.Page{}, err
	}
	return p, nil
}

// Sync implements blob.Syncer, whether the inner container does or not.
func (c *Container) Sync(ctx context.Context) error {
	return c.call(ctx, Sync, "", func() error { return blob.Sync(ctx, c.inner) })
}
