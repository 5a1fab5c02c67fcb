package mem

import (
	"bytes"
	"context"
	"crypto/md5"
	"fmt"
	"slices"
	"strings"
	"sync"

	"clfsload/sync/blob"
)

// Container is a blob.Container in memory. Its zero value is not usable; see New.
type Container struct {
	pageSize int

	mu     sync.RWMutex
	blobs  map[string]stored
	leases map[string]claim
}

// stored is a blob; neither field changes once it is in the map.
type stored struct {
	data []byte
	md5  [md5.Size]byte
}

var _ blob.Container = (*Container)(nil)

// New returns an empty container.
func New() *Container {
	return NewPaged(blob.MaxPage)
}

// NewPaged returns an empty container whose pages hold at most pageSize blobs
// (1 to blob.MaxPage), for tests of listings.
func NewPaged(pageSize int) *Container {
	return &Container{pageSize: pageSize, blobs: make(map[string]stored), leases: make(map[string]claim)}
}

// String returns "mem".
func (c *Container) String() string { return "mem" }

// Put implements blob.Container.
func (c *Container) Put(ctx context.Context, name string, data []byte) error {
	if err := check(ctx, name); err != nil {
		return fmt.Errorf("put %s: %w", name, err)
	}
	b := stored{data: bytes.Clone(data), md5: md5.Sum(data)}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.blobs[name] = b
	return nil
}

// Get implements blob.Container.
func (c *Container) Get(ctx context.Context, name string, offset, length int64) (blob.Object, error) {
	if err := check(ctx, name); err != nil {
		return blob.Object{}, fmt.Errorf("get %s: %w", name, err)
	}
	c.mu.RLock()
	b, ok := c.blobs[name]
	c.mu.RUnlock()
	if !ok {
		return blob.Object{}, fmt.Errorf("get %s: %w", name, blob.ErrNotFound)
	}
	return blob.Object{Info: b.info(name), Data: b.part(offset, length)}, nil
}

// Delete implements blob.Container.
func (c *Container) Delete(ctx context.Context, name string) error {
	if err := check(ctx, name); err != nil {
		return fmt.Errorf("delete %s: %w", name, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.blobs, name)
	return nil
}

// List implements blob.Container. The marker is the last name of the page before.
func (c *Container) List(ctx context.Context, prefix, marker string) (blob.Page, error) {
	if err := ctx.Err(); err != nil {
		return blob.Page{}, fmt.Errorf("list %q: %w", prefix, err)
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	var names []string
	for name := range c.blobs {
		if name > marker && strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var page blob.Page
	if len(names) > c.pageSize {
		names = names[:c.pageSize]
		page.Next = names[c.pageSize-1]
	}
	for _, name := range names {
		page.Blobs = append(page.Blobs, c.blobs[name].info(name))
	}
	return page, nil
}

// Len returns how many blobs there are.
func (c *Container) Len() int {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return len(c.blobs)
}

// Each calls fn with each blob, in no order. The data must not be changed, and fn must not use
// the container.
func (c *Container) Each(fn func(name string, data []byte)) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for name, b := range c.blobs {
		fn(name, b.data)
	}
}

func check(ctx context.Context, name string) error {
	if err := blob.CheckName(name); err != nil {
		return err
	}
	return ctx.Err()
}

func (b stored) info(name string) blob.Info {
	return blob.Info{Name: name, Size: int64(len(b.data)), MD5: bytes.Clone(b.md5[:])}
}

// part returns a copy of at most length bytes from offset on, all that follow if
// length is negative.
func (b stored) part(offset, length int64) []byte {
	rest := b.data[min(offset, int64(len(b.data))):]
	if length >= 0 && length < int64(len(rest)) {
		rest = rest[:length]
	}
	return append([]byte{}, rest...)
}
