package publish

import (
	"context"
	"fmt"
	"iter"

	"clfsload/clfs"
	"clfsload/clfs/blockmap"
	"clfsload/clfs/compression"
	"clfsload/clfs/object"
	"clfsload/state"
	"clfsload/sync/engine/blobs"
	"clfsload/sync/engine/memory"
)

// directoryWriter packs the entries of one directory into segments and uploads those that
// are full, docs/clfs-format.md section 5. Its memory does not depend on the size
// of the directory.
type directoryWriter struct {
	journal  *state.Journal
	store    *blobs.Store
	budget   *memory.Budget
	node     state.Node // with what is reserved
	builder  *blockmap.Builder
	grant    *memory.Grant // of one with further segments
	first    []byte        // the entries of the first segment, once it is full
	current  []byte
	limit    int
	segment  uint64 // index of the current segment after the first
	reserved uint64 // segments that may be put, and 1
	size     uint64 // of the directory, as VATTR says it
	subdirs  uint32
}

// leastReserved segments are reserved at first, and then twice as many each time.
const leastReserved = 8

func (p *Publisher) newDirectory(n state.Node) *directoryWriter {
	return &directoryWriter{journal: p.Journal, store: p.Store, budget: p.Budget, node: n, limit: clfs.FirstDirentBytes}
}

// release gives back the memory that was counted.
func (d *directoryWriter) release() {
	if d.grant != nil {
		d.grant.Release()
	}
}

// addDots adds what a listing starts with.
func (d *directoryWriter) addDots(ctx context.Context, parent clfs.ID) error {
	if err := d.add(ctx, []byte("."), d.node.ID); err != nil {
		return err
	}
	return d.add(ctx, []byte(".."), parent)
}

func (d *directoryWriter) add(ctx context.Context, name []byte, id clfs.ID) error {
	if len(d.current)+object.DirentSize(len(name), len(id)) > d.limit {
		if err := d.flush(ctx); err != nil {
			return err
		}
	}
	d.current = object.AppendDirent(d.current, name, id)
	return nil
}

// flush ends the current segment.
func (d *directoryWriter) flush(ctx context.Context) error {
	d.size += 4 + uint64(len(d.current))
	if d.first == nil {
		d.first, d.current, d.limit = d.current, nil, clfs.DirSegmentBytes
		return nil
	}
	if err := d.reserve(ctx); err != nil {
		return err
	}
	s := &d.journal.Settings
	id := clfs.SegmentID(s.Key, d.node.ID, d.node.Next, d.segment)
	payload := object.AppendDirSegment(nil, d.current, blobs.CtimeSeconds(d.node.Attr), clfs.SegmentOffset(d.segment, true), d.node.ID)
	name := clfs.ObjectName(id, d.node.ID, clfs.TypeSegment, clfs.FirstVersion)
	if err := d.store.Put(ctx, name, compression.Pack(nil, payload, s.Compression)); err != nil {
		return fmt.Errorf("put directory segment %d: %w", d.segment, err)
	}
	d.segment++
	d.current = d.current[:0]
	return d.builder.Add(id)
}

// largeDirectory is about what a directory with further segments takes while it is
// put: a segment, as it is, encoded and compressed, and a page of entries.
const largeDirectory = 2 << 20

// reserve makes sure that the journal knows of the current segment, before it is put. Many large
// directories at a time take memory that counts.
func (d *directoryWriter) reserve(ctx context.Context) (err error) {
	if d.grant == nil {
		if d.grant, err = d.budget.Acquire(ctx, largeDirectory); err != nil {
			return err
		}
	}
	if d.segment+2 <= d.reserved {
		return nil
	}
	first := d.reserved == 0
	d.reserved = max(leastReserved, 2*d.reserved)
	if d.node, err = d.journal.Reserve(ctx, d.node, d.reserved, first); err == nil && first {
		d.builder = d.store.NewMapBuilder(ctx, d.node.ID, d.node.Next, blobs.CtimeSeconds(d.node.Attr))
	}
	return err
}

// finish uploads what is left of a directory but its inode, which it returns.
func (d *directoryWriter) finish(ctx context.Context, attr object.Attr) (object.Inode, error) {
	if err := d.flush(ctx); err != nil {
		return object.Inode{}, err
	}
	o := object.Inode{Attr: attr, Dirents: d.first, Name: d.node.Name,
		FirstSegmentSize: clfs.FirstSegmentBytes, SegmentSize: clfs.DirSegmentBytes}
	o.Attr.Size, o.Attr.Used = d.size, d.size
	o.Attr.Nlink = 2 + d.subdirs
	s := &d.journal.Settings
	if d.node.ID == clfs.RootID {
		o.ExtAttrs = object.RootExtAttrs(s.MassUUID, s.WipeUUID)
	}
	if d.builder == nil {
		d.builder = d.store.NewMapBuilder(ctx, d.node.ID, d.node.Next, 0)
	}
	var err error
	o.Direct, o.Roots, err = d.builder.Finish()
	return o, err
}

// addEntries adds what is listed, and returns how many entries are not.
func (d *directoryWriter) addEntries(ctx context.Context, entries iter.Seq2[Entry, error]) (left int, err error) {
	for e, err := range entries {
		if err != nil {
			return left, err
		}
		if !e.Listed {
			left++
			continue
		}
		if e.Type == clfs.TypeDirectory {
			d.subdirs++
		}
		if err := d.add(ctx, e.Name, e.ID); err != nil {
			return left, err
		}
	}
	return left, nil
}
