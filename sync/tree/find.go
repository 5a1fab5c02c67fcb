package tree

import (
	"context"
	"errors"
	"fmt"

	"clfsload/clfs"
	"clfsload/clfs/object"
	"clfsload/sync/blob"
)

// maxInodePayload bounds the decompressed size of an inode, an indirect block and the bucket
// object, in bytes. The largest from a loader have some 90 KiB; the rest is for records and longer
// ids of caches.
const maxInodePayload = 1 << 20

// segmentWeight is the share of a segment in the memory budget: its blob and its payload, both at
// their maximum.
const segmentWeight = 2 * object.MaxSegmentPayload

// An Object is the blob that holds an object's live version.
type Object struct {
	clfs.Name
	Blob   string // the blob's name
	Size   int64  // of the blob, in bytes
	MD5    []byte // of the blob; nil if the service keeps none
	Number int64  // place in the index, from 0; -1 without an index
	Older  int    // further versions of the object
}

// Find finds the live version of an object: the highest version in the live file system. If there
// is none, the error is a [Damage] of [KindMissing], after a second listing: the bytes of a listing
// have no checksum.
func (t *Tree) Find(ctx context.Context, id clfs.ID) (Object, error) {
	for _, look := range t.looks() {
		o, found, err := look(ctx, id)
		if err != nil || found {
			return o, err
		}
	}
	return Object{}, damagef(KindMissing, objectText(id), "no blob holds it")
}

// looks are the ways to look for an object, tried in turn.
func (t *Tree) looks() [2]func(context.Context, clfs.ID) (Object, bool, error) {
	if t.index != nil {
		return [2]func(context.Context, clfs.ID) (Object, bool, error){t.findIndexed, t.list}
	}
	return [2]func(context.Context, clfs.ID) (Object, bool, error){t.list, t.list}
}

func (t *Tree) findIndexed(_ context.Context, id clfs.ID) (Object, bool, error) {
	candidates, err := t.index.find(id)
	if err != nil {
		return Object{}, false, err
	}
	var c choice
	for _, candidate := range candidates {
		c.add(t, candidate)
	}
	return c.made(t)
}

// candidate is a blob whose name begins with the requested id.
type candidate struct {
	blob.Info
	number int64
}

// maxCandidates is more than the number of blobs of any object.
const maxCandidates = 1 << 20

// list requests all blobs of an object from the service.
func (t *Tree) list(ctx context.Context, id clfs.ID) (Object, bool, error) {
	var c choice
	seen := 0
	for b, err := range blob.All(ctx, lister{t.container, t}, clfs.NamePrefix(id)) {
		if err != nil {
			return Object{}, false, err
		}
		if seen++; seen > maxCandidates {
			return Object{}, false, fmt.Errorf("list %s: %w: it has more than %d blobs", objectText(id), blob.ErrUnexpected, maxCandidates)
		}
		c.add(t, candidate{b, -1})
	}
	return c.made(t)
}

// lister lists as one of the tree's counted requests in flight.
type lister struct {
	blob.Container
	t *Tree
}

func (l lister) List(ctx context.Context, prefix, marker string) (blob.Page, error) {
	if err := l.t.requests.Acquire(ctx, 1); err != nil {
		return blob.Page{}, err
	}
	defer l.t.requests.Release(1)
	l.t.traffic.requests.Add(1)
	return l.Container.List(ctx, prefix, marker)
}

// choice picks the live version of an object from its blobs.
type choice struct {
	o    Object
	live int // versions
}

func (c *choice) add(t *Tree, of candidate) {
	n, err := clfs.ParseName(of.Name)
	switch {
	case err != nil:
		return // verify reports it
	case n.Snapshot != clfs.LiveSnapshot:
		t.passed.snapshots.Add(1)
		return
	case n.Type == clfs.TypeTombstone:
		t.passed.tombstones.Add(1)
		return
	}
	if c.live == 0 || n.Version > c.o.Version {
		c.o = Object{Name: n, Blob: of.Name, Size: of.Size, MD5: of.MD5, Number: of.number}
	}
	c.live++
}

// made returns the chosen blob, and counts the skipped ones.
func (c *choice) made(t *Tree) (o Object, found bool, err error) {
	if c.live == 0 {
		return Object{}, false, nil
	}
	c.o.Older = c.live - 1
	t.passed.older.Add(int64(c.o.Older))
	return c.o, true, nil
}

// Blob describes a blob by its name, whichever version of an object it is. If there is none, the
// error wraps [ErrNotFound].
func (t *Tree) Blob(ctx context.Context, name string) (Object, error) {
	n, err := clfs.ParseName(name)
	if err != nil {
		return Object{}, err
	}
	got, err := t.container.Get(ctx, name, 0, 0)
	if errors.Is(err, blob.ErrNotFound) {
		return Object{}, fmt.Errorf("blob %s: %w", name, ErrNotFound)
	}
	return Object{Name: n, Blob: name, Size: got.Size, MD5: got.MD5, Number: -1}, err
}
