package tree

import (
	"bytes"
	"context"
	"errors"

	"clfsload/clfs"
	"clfsload/clfs/compression"
	"clfsload/sync/blob"
)

// Bytes reads the whole blob of an object as it is stored.
func (t *Tree) Bytes(ctx context.Context, o Object) ([]byte, error) {
	got, err := t.read(ctx, o, maxSegmentPayload, func(blob.Object) error { return nil })
	return got.Data, err
}

// decoder decodes the payload of an object. It may be called again with the payload of another
// answer. Its error is damage.
type decoder func(o Object, payload []byte) error

// fetch finds an object, reads its payload and decodes it.
func (t *Tree) fetch(ctx context.Context, id clfs.ID, most int, decode decoder) (Object, []byte, error) {
	o, err := t.Find(ctx, id)
	if err != nil {
		return o, nil, err
	}
	return t.fetchFound(ctx, o, most, decode)
}

// fetchFound reads and decodes the payload of a found object. An index may be older than the
// container, and a publication may replace the object meanwhile: if the blob is gone, the service
// is asked again, as long as it names another one.
func (t *Tree) fetchFound(ctx context.Context, o Object, most int, decode decoder) (Object, []byte, error) {
	for gone := ""; ; {
		payload, err := t.payload(ctx, o, most, decode)
		if !errors.Is(err, blob.ErrNotFound) || o.Blob == gone {
			return o, payload, err
		}
		again, found, listErr := t.list(ctx, o.ID)
		if listErr != nil || !found {
			return o, nil, errors.Join(listErr, err)
		}
		again.Number = o.Number
		gone, o = o.Blob, again
	}
}

// fetchBlock is fetch for a segment or an indirect block of n. Its name is known except for the
// version, and only caches write a second one. So if no cache has used the container, one request
// reads it.
func (t *Tree) fetchBlock(ctx context.Context, n *Node, id clfs.ID, kind clfs.Type, most int, decode decoder) (Object, error) {
	o, guessed, err := t.findBlock(ctx, n, id, kind)
	if guessed {
		got, readErr := t.unpack(ctx, o, most, decode)
		if !errors.Is(readErr, blob.ErrNotFound) {
			o.Size, o.MD5 = got.Size, got.MD5
			return o, readErr
		}
		o, err = t.Find(ctx, id)
	}
	if err != nil {
		return o, err
	}
	o, _, err = t.fetchFound(ctx, o, most, decode)
	return o, err
}

// findBlock is Find for a segment or an indirect block of n. If it is in no index, and no cache has
// used the container, it is assumed to be the first version, without a request.
func (t *Tree) findBlock(ctx context.Context, n *Node, id clfs.ID, kind clfs.Type) (o Object, guessed bool, err error) {
	if t.index != nil {
		if o, found, err := t.findIndexed(ctx, id); err != nil || found {
			return o, false, err
		}
	}
	used, err := t.CacheObject(ctx)
	if err != nil {
		return o, false, err
	}
	if used != "" {
		o, err = t.Find(ctx, id)
		return o, false, err
	}
	name := clfs.Name{ID: id, Type: kind, OwnerHash: n.ID.Hash(), Version: clfs.FirstVersion, Snapshot: clfs.LiveSnapshot, Form: 2}
	return Object{Name: name, Blob: name.String(), Number: -1}, true, nil
}

// payload reads an object's blob, decompresses it to at most most bytes and decodes it.
func (t *Tree) payload(ctx context.Context, o Object, most int, decode decoder) ([]byte, error) {
	var payload []byte
	_, err := t.unpack(ctx, o, most, func(o Object, p []byte) error {
		payload = p
		return decode(o, p)
	})
	return payload, err
}

// unpack is payload, and returns the blob, too.
func (t *Tree) unpack(ctx context.Context, o Object, most int, decode decoder) (blob.Info, error) {
	got, err := t.read(ctx, o, most, func(got blob.Object) error {
		if most > maxInodePayload { // one for each processor at a time: it takes memory
			if err := t.unpacking.Acquire(ctx, 1); err != nil {
				return err
			}
			defer t.unpacking.Release(1)
		}
		payload, _, err := compression.Unpack(got.Data, most)
		if err != nil {
			return BadObject(err, o.Blob)
		}
		return decode(o, payload)
	})
	return got.Info, err
}

// errDiffers: a blob differs from the listing. It was replaced, or the answer was for another blob.
var errDiffers = errors.New("the blob is not the listed one")

// read reads all of a blob, whose payload has at most most bytes, compares it with the stored MD5,
// and checks it. An error is believed after the blob was read again.
func (t *Tree) read(ctx context.Context, o Object, most int, check func(blob.Object) error) (blob.Object, error) {
	limit := int64(compression.Bound(most))
	get := func(ctx context.Context) (blob.Object, error) { return t.get(ctx, o.Blob, limit) }
	got, err := blob.ReadChecked(ctx, get, func(got blob.Object) error {
		if err := t.checkWhole(o.Blob, got, limit); err != nil {
			return err
		}
		if err := check(got); err != nil {
			return err
		}
		if o.Size > 0 && o.Size != got.Size || len(o.MD5) > 0 && len(got.MD5) > 0 && !bytes.Equal(o.MD5, got.MD5) {
			return errDiffers
		}
		return nil
	})
	if err == errDiffers { // again and again: it was replaced
		err = nil
	}
	return got, err
}

func (t *Tree) get(ctx context.Context, name string, limit int64) (blob.Object, error) {
	if err := t.requests.Acquire(ctx, 1); err != nil {
		return blob.Object{}, err
	}
	got, err := t.container.Get(ctx, name, 0, limit)
	t.requests.Release(1)
	t.traffic.requests.Add(1)
	if errors.Is(err, blob.ErrNotFound) {
		return got, &Damage{Kind: KindMissing, Object: name, Reason: "the blob was listed, but is no longer there", Err: err}
	}
	t.traffic.bytes.Add(int64(len(got.Data)))
	return got, err
}

// checkWhole checks that an answer has all of a blob, and the right bytes.
func (t *Tree) checkWhole(name string, o blob.Object, limit int64) error {
	switch {
	case o.Size > limit:
		return damagef(KindOversized, name, "%d bytes, more than any object of its type has", o.Size)
	case int64(len(o.Data)) != o.Size:
		return damagef(KindRecords, name, "%d bytes, %d were read", o.Size, len(o.Data))
	}
	if len(o.MD5) > 0 {
		t.traffic.checked.Add(1)
	}
	if err := blob.CheckMD5(o); err != nil {
		return damagef(KindChecksum, name, "%v", err)
	}
	return nil
}
