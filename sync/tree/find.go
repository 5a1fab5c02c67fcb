package tree

import (
	"bytes"
	"context"
	"crypto/md5"
	"errors"
	"fmt"

	"clfsload/clfs"
	"clfsload/sync/blob"
)

// maxInodePayload bounds the decompressed size of an inode, an indirect block
// and the bucket object, in bytes. The largest that a loader writes have some
// 90 KiB; the rest is for records and longer ids that only a cache knows.
const maxInodePayload = 1 << 20

// segmentWeight is what a segment takes of the memory budget: its blob and its
// payload, both at their largest.
const segmentWeight = 2 * clfs.MaxSegmentPayload

// An Object is the blob that holds an object's live version.
type Object struct {
	clfs.Name
	Blob   string // the blob's name
	Size   int64  // of the blob, in bytes
	MD5    []byte // of the blob; nil where the service keeps none
	Number int64  // place in the index, from 0; -1 without an index
	Older  int    // further versions of the object
}

// Find finds the live version of an object: the highest version in the live
// file system. The error is a [Damage] of [KindMissing] if there is none.
func (t *Tree) Find(ctx context.Context, id clfs.ID) (Object, error) {
	var candidates []candidate
	var err error
	if t.index != nil {
		candidates, err = t.index.find(id)
	} else {
		candidates, err = t.list(ctx, id)
	}
	if err != nil {
		return Object{}, err
	}
	o, found := t.choose(candidates)
	if !found {
		return Object{}, damagef(KindMissing, objectText(id), "no blob holds it")
	}
	return o, nil
}

// candidate is a blob whose name begins with the id that is looked for.
type candidate struct {
	blob.Info
	number int64
}

// list asks the service for all blobs of an object.
func (t *Tree) list(ctx context.Context, id clfs.ID) ([]candidate, error) {
	var all []candidate
	for marker, first := "", true; first || marker != ""; first = false {
		if err := t.requests.Acquire(ctx, 1); err != nil {
			return nil, err
		}
		page, err := t.container.List(ctx, clfs.NamePrefix(id), marker)
		t.requests.Release(1)
		t.traffic.requests.Add(1)
		if err != nil {
			return nil, err
		}
		for _, b := range page.Blobs {
			all = append(all, candidate{b, -1})
		}
		marker = page.Next
	}
	return all, nil
}

// choose picks the live version and counts what it passes over.
func (t *Tree) choose(candidates []candidate) (o Object, found bool) {
	live := 0
	for _, c := range candidates {
		n, err := clfs.ParseName(c.Name)
		switch {
		case err != nil:
			continue // verify tells of it
		case n.Snapshot != clfs.LiveSnapshot:
			t.passed.snapshots.Add(1)
			continue
		case n.Type == clfs.TypeTombstone:
			t.passed.tombstones.Add(1)
			continue
		}
		live++
		if !found || n.Version > o.Version {
			o = Object{Name: n, Blob: c.Name, Size: c.Size, MD5: c.MD5, Number: c.number}
			found = true
		}
	}
	if found {
		o.Older = live - 1
		t.passed.older.Add(int64(o.Older))
	}
	return o, found
}

// Blob describes a blob by its name, whichever version of an object it is. The
// error wraps [ErrNotFound] if there is none.
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

// Bytes reads the whole blob of an object as it is stored.
func (t *Tree) Bytes(ctx context.Context, o Object) ([]byte, error) {
	return t.blob(ctx, o, int64(clfs.PackBound(maxSegmentPayload)))
}

// fetch finds an object and reads its payload. An index may be older than the
// container: when the blob that it names is gone, the service is asked again.
func (t *Tree) fetch(ctx context.Context, id clfs.ID, most int) (Object, []byte, error) {
	o, err := t.Find(ctx, id)
	if err != nil {
		return o, nil, err
	}
	payload, err := t.payload(ctx, o, most)
	if !errors.Is(err, blob.ErrNotFound) {
		return o, payload, err
	}
	candidates, listErr := t.list(ctx, id)
	if listErr != nil {
		return o, nil, listErr
	}
	again, found := t.choose(candidates)
	if !found || again.Blob == o.Blob {
		return o, nil, err
	}
	again.Number = o.Number
	payload, err = t.payload(ctx, again, most)
	return again, payload, err
}

// payload reads an object's blob and decompresses it to at most most bytes.
func (t *Tree) payload(ctx context.Context, o Object, most int) ([]byte, error) {
	data, err := t.blob(ctx, o, int64(clfs.PackBound(most)))
	if err != nil {
		return nil, err
	}
	payload, _, err := clfs.Unpack(data, most)
	if err != nil {
		return nil, BadObject(err, o.Blob)
	}
	return payload, nil
}

// blob reads all of a blob, which has at most most bytes, and compares it with
// the MD5 that the service keeps.
func (t *Tree) blob(ctx context.Context, o Object, most int64) ([]byte, error) {
	if o.Size > most {
		return nil, damagef(KindOversized, o.Blob, "%d bytes, more than any object of its type has", o.Size)
	}
	if err := t.requests.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	got, err := t.container.Get(ctx, o.Blob, 0, most)
	t.requests.Release(1)
	t.traffic.requests.Add(1)
	if errors.Is(err, blob.ErrNotFound) {
		return nil, &Damage{Kind: KindMissing, Object: o.Blob, Reason: "the blob was listed, but is not there any more", Err: err}
	}
	if err != nil {
		return nil, err
	}
	t.traffic.bytes.Add(int64(len(got.Data)))
	return got.Data, t.checkMD5(o.Blob, got)
}

// checkMD5 compares a blob with the MD5 kept beside it, if there is one.
func (t *Tree) checkMD5(name string, o blob.Object) error {
	if len(o.MD5) == 0 {
		return nil
	}
	t.traffic.checked.Add(1)
	if sum := md5.Sum(o.Data); !bytes.Equal(sum[:], o.MD5) {
		return damagef(KindChecksum, name, "the bytes do not match the MD5 that is kept with them (%x, kept is %x)", sum, o.MD5)
	}
	return nil
}
