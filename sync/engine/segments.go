package engine

import (
	"context"
	"fmt"
	"io"
	"iter"

	"clfsload/clfs"
	"clfsload/clfs/compression"
	"clfsload/clfs/object"
	"clfsload/rescue"
	"clfsload/state"
	"clfsload/sync/engine/blobs"
	"clfsload/sync/engine/memory"
)

// finishRoom is what object.FinishSegment needs beside the data.
const finishRoom = object.MaxSegmentPayload - clfs.SegmentBytes

// contents is what the segments of a file are read from, and what their names and
// records say.
type contents struct {
	file       io.ReaderAt
	id         clfs.ID // of the inode
	size       int64   // bytes of the whole file
	ctime      uint32  // seconds
	generation uint64
}

// contentsOf are the contents that a node is uploaded with.
func contentsOf(f File, n state.Node) contents {
	return contents{file: f, id: n.ID, size: n.Attr.Size, ctime: blobs.CtimeSeconds(n.Attr), generation: n.Next}
}

// inodeRoom is more than the inode of a file takes that has one segment.
const inodeRoom = 64 << 10

// putOnlySegment uploads the segment of a file that has one. Its share of the
// budget is held until the file is recorded. The inode's share is part of it: who
// waited for more while he holds some could wait for others who do the same.
func (w *worker) putOnlySegment(ctx context.Context, c contents, index uint64) (*memory.Grant, error) {
	return w.putSegment(ctx, c, index, inodeRoom)
}

// putSegment reads and uploads one segment. The grant is what counts as uploaded and
// not recorded, with extra bytes for something else.
func (w *worker) putSegment(ctx context.Context, c contents, index uint64, extra int64) (*memory.Grant, error) {
	s, err := w.readSegment(ctx, c, index, extra)
	if err != nil {
		return nil, err
	}
	if err := s.put(ctx); err != nil {
		s.grant.Release()
		return nil, err
	}
	w.transferred.add(&w.stats, s.size)
	return s.grant, nil
}

// putInParallel reads segments in order and uploads them in parallel. It calls
// reached, from several goroutines, for each that is in the container. After an error,
// such as that the file has changed, puts under way come to their end: one that was
// given up could be carried out after the segment was deleted, or put anew.
func (w *worker) putInParallel(ctx context.Context, c contents, indexes iter.Seq[uint64], reached func(index uint64, g *memory.Grant)) error {
	g, gctx := rescue.WithContext(ctx)
	g.Go(func() error {
		for i := range indexes {
			s, err := w.readSegment(gctx, c, i, 0)
			if err != nil {
				return err
			}
			g.Go(func() error {
				if err := s.put(ctx); err != nil {
					s.grant.Release()
					return err
				}
				w.transferred.add(&w.stats, s.size)
				reached(i, s.grant)
				return nil
			})
		}
		return nil
	})
	return g.Wait()
}

// segment is a data segment on its way.
type segment struct {
	engine  *Engine
	index   uint64
	size    int64 // bytes of contents
	name    string
	buf     *[]byte // from the pool, holds payload
	payload []byte
	grant   *memory.Grant
	extra   int64 // of the grant, for something else
}

// readSegment waits for memory, and extra bytes of it, and reads data segment
// index of a file.
func (w *worker) readSegment(ctx context.Context, c contents, index uint64, extra int64) (*segment, error) {
	offset := clfs.SegmentOffset(index, false)
	n := int(min(uint64(c.size)-offset, clfs.SegmentBytes))
	room := n + finishRoom
	grant, err := w.budget.Acquire(ctx, memory.Capacity(room)+memory.Capacity(compression.Bound(room))+extra)
	if err != nil {
		return nil, err
	}
	s := &segment{engine: w.Engine, index: index, size: int64(n), buf: w.budget.Buffer(room), grant: grant, extra: extra}
	data := (*s.buf)[object.SegmentDataOffset : object.SegmentDataOffset+n]
	if err := w.readFull(c.file, data, int64(offset)); err != nil {
		w.budget.Recycle(s.buf)
		grant.Release()
		return nil, err
	}
	s.payload = object.FinishSegment((*s.buf)[:0], n, c.ctime, offset, c.id)
	id := clfs.SegmentID(w.journal.Settings.Key, c.id, c.generation, index)
	s.name = clfs.ObjectName(id, c.id, clfs.TypeSegment, clfs.FirstVersion)
	return s, nil
}

// put compresses and uploads the segment. Afterwards its grant is what counts as
// uploaded and not recorded.
func (s *segment) put(ctx context.Context) error {
	b := s.engine.budget
	packedBuf := b.Buffer(compression.Bound(len(s.payload)))
	defer b.Recycle(packedBuf)
	packed := compression.Pack((*packedBuf)[:0], s.payload, s.engine.journal.Settings.Compression)
	b.Recycle(s.buf)
	s.grant.Shrink(int64(cap(*packedBuf)) + s.extra)
	if err := s.engine.store.Put(ctx, s.name, packed); err != nil {
		return fmt.Errorf("put segment %d: %w", s.index, err)
	}
	s.grant.Shrink(int64(len(packed)) + s.extra)
	return nil
}
