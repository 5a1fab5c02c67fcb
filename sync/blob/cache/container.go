package cache

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"clfsload/sync/blob"
)

// A Container answers requests from a Dir if it can. See [Dir.Wrap].
type Container struct {
	blob.Container
	dir       *Dir
	immutable func(name string) bool
	entries   atomic.Pointer[string] // directory of this container's entries; nil: not identified
	fills     fills
}

// Wrap returns c with a cache for the blobs whose names immutable accepts: once another object
// refers to them, their bytes never change. Before Identify all requests pass through.
func (d *Dir) Wrap(c blob.Container, immutable func(name string) bool) *Container {
	return &Container{Container: c, dir: d, immutable: immutable, fills: fills{m: map[string]*fill{}}}
}

// Identify names this container, so that a container that is deleted and created again at its
// address counts as another one. Copies of a container at other addresses count as others, too:
// each may change.
func (c *Container) Identify(identity string) {
	sum := sha256.Sum256([]byte(identity + "\x00" + c.Container.String()))
	path := filepath.Join(c.dir.path, hex.EncodeToString(sum[:16]))
	c.entries.Store(&path)
}

// entry is the path of a blob's entry; "" if it has none.
func (c *Container) entry(name string) string {
	entries := c.entries.Load()
	if entries == nil || blob.CheckName(name) != nil || !c.immutable(name) {
		return ""
	}
	return filepath.Join(*entries, name[:min(2, len(name))], name)
}

// Get implements blob.Container.
func (c *Container) Get(ctx context.Context, name string, offset, length int64) (blob.Object, error) {
	path := c.entry(name)
	if path == "" || offset != 0 || length == 0 {
		return c.Container.Get(ctx, name, offset, length)
	}
	if !blob.IsFresh(ctx) && ctx.Err() == nil {
		if o, found := c.dir.load(path, name); found {
			return part(o, length), nil
		}
	}
	f := c.fills.begin(name)
	defer c.fills.end(name, f)
	o, err := c.Container.Get(ctx, name, offset, length)
	if err != nil || int64(len(o.Data)) != o.Size || blob.CheckMD5(o) != nil {
		return o, err
	}
	o.Checked = len(o.MD5) > 0
	c.dir.store(path, o, func(temporary string) error { return c.fills.commit(f, temporary, path) })
	return o, nil
}

// part returns the part of a whole blob that a Get from its beginning requests.
func part(o blob.Object, length int64) blob.Object {
	if length >= 0 && length < o.Size {
		o.Data = o.Data[:length:length]
	}
	return o
}

// Put implements blob.Container.
func (c *Container) Put(ctx context.Context, name string, data []byte) error {
	return c.replacing(name, func() error { return c.Container.Put(ctx, name, data) })
}

// PutWhole implements blob.WholePutter.
func (c *Container) PutWhole(ctx context.Context, name string, data []byte) error {
	return c.replacing(name, func() error { return blob.PutWhole(ctx, c.Container, name, data) })
}

// Delete implements blob.Container.
func (c *Container) Delete(ctx context.Context, name string) error {
	return c.replacing(name, func() error { return c.Container.Delete(ctx, name) })
}

// replacing runs an operation after which a blob may have other bytes. The entry is removed before,
// in case the process dies before it is removed afterwards.
func (c *Container) replacing(name string, do func() error) error {
	path := c.entry(name)
	if path == "" {
		return do()
	}
	if err := c.fills.drop(name, path); err != nil {
		return dropError(name, err)
	}
	err := do()
	if dropErr := c.fills.drop(name, path); dropErr != nil {
		return errors.Join(err, dropError(name, dropErr))
	}
	return err
}

func dropError(name string, err error) error {
	return fmt.Errorf("%w: remove %s from the cache: %w", blob.ErrUnexpected, name, err)
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

// fills are the blobs that are being fetched for the cache.
type fills struct {
	mu sync.Mutex
	m  map[string]*fill
}

// A fill is a blob that Gets are fetching.
type fill struct {
	gets  int
	stale bool // it was put or deleted meanwhile
}

// errStale: a blob was put or deleted while it was fetched.
var errStale = errors.New("replaced meanwhile")

func (s *fills) begin(name string) *fill {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.m[name]
	if f == nil {
		f = &fill{}
		s.m[name] = f
	}
	f.gets++
	return f
}

func (s *fills) end(name string, f *fill) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.gets--; f.gets == 0 && s.m[name] == f {
		delete(s.m, name)
	}
}

// drop removes an entry, and prevents a fetch in progress from creating one.
func (s *fills) drop(name, path string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.m[name]; f != nil {
		f.stale = true
		delete(s.m, name)
	}
	return remove(path)
}

// commit renames a fetched entry to its name.
func (s *fills) commit(f *fill, temporary, path string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.stale {
		return errStale
	}
	return os.Rename(temporary, path)
}
