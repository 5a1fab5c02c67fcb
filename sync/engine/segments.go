package engine

import (
	"context"
	"fmt"
	"io"
	"iter"
	"sync"

	"clfsload/clfs"
	"clfsload/rescue"
	"clfsload/state"
)

// finishRoom is what clfs.FinishSegment needs beside the data.
const finishRoom = clfs.MaxSegmentPayload - clfs.SegmentBytes

// blockMap is the part of an inode that says where its segments are.
type blockMap struct {
	direct []clfs.ID
	roots  [4]clfs.ID
}

// putSegments uploads what does not fit into the inode, then the indirect blocks.
// A file of several segments goes on where an earlier run has come to.
func (w *worker) putSegments(ctx context.Context, f File, e *event) (blockMap, error) {
	in, attr := &e.outcome.Inode, e.outcome.Attr
	count := clfs.SegmentCount(uint64(attr.Size))
	var err error
	switch {
	case count == 1:
		err = w.putOnlySegment(ctx, contentsOf(f, *in, attr), 0, e)
	case count > 1:
		err = w.putManySegments(ctx, f, *in, attr, count)
	}
	if err != nil {
		return blockMap{}, err
	}
	return w.putBlockMap(ctx, *in, attr, count)
}

// contents is what the segments of a file are read from, and what their names and
// records say.
type contents struct {
	file       io.ReaderAt
	id         clfs.ID // of the inode
	size       int64   // bytes of the whole file
	ctime      uint32  // seconds
	generation uint64
}

// contentsOf is a file of a load, which has one generation.
func contentsOf(f File, in state.Inode, attr state.Attr) contents {
	return contents{file: f, id: in.ID, size: attr.Size, ctime: ctimeSeconds(attr)}
}

// inodeRoom is more than the inode of a file takes that has one segment.
const inodeRoom = 64 << 10

// putOnlySegment uploads the segment of a file that has one. Its share of the
// budget is held until the file is recorded. The inode's share is part of it: who
// waited for more while he holds some could wait for others who do the same.
func (w *worker) putOnlySegment(ctx context.Context, c contents, index uint64, e *event) error {
	g, err := w.putSegment(ctx, c, index, inodeRoom)
	if err != nil {
		return err
	}
	e.grants = append(e.grants, g)
	return nil
}

// putSegment reads and uploads one segment. The grant is what counts as uploaded and
// not recorded, with extra bytes for something else.
func (w *worker) putSegment(ctx context.Context, c contents, index uint64, extra int64) (*grant, error) {
	s, err := w.readSegment(ctx, c, index, extra)
	if err != nil {
		return nil, err
	}
	if err := s.put(ctx); err != nil {
		s.grant.release()
		return nil, err
	}
	w.moved.add(&w.stats, s.size)
	return s.grant, nil
}

// putManySegments uploads the segments that are not in the container yet.
func (w *worker) putManySegments(ctx context.Context, f File, in state.Inode, attr state.Attr, count uint64) error {
	first, err := w.resumeAt(ctx, in, attr)
	if err != nil {
		return err
	}
	done := &frontier{recorder: w.recorder, inode: in, attr: attr, next: first, ahead: map[uint64]*grant{}}
	defer done.abandon()
	if first > 0 {
		w.moved.keep(&w.stats, min(attr.Size, int64(clfs.SegmentOffset(first, false))))
	}
	return w.putInParallel(ctx, contentsOf(f, in, attr), upTo(first, count), done.reached)
}

// upTo counts from first to the number before end.
func upTo(first, end uint64) iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		for i := first; i < end && yield(i); i++ {
		}
	}
}

// putInParallel reads segments in order and uploads them in parallel. It calls
// reached, from several goroutines, for each that is in the container. After an error,
// such as that the file has changed, puts under way come to their end: one that was
// given up could be carried out after the segment was deleted, or put anew.
func (w *worker) putInParallel(ctx context.Context, c contents, indexes iter.Seq[uint64], reached func(index uint64, g *grant)) error {
	g, gctx := rescue.WithContext(ctx)
	g.Go(func() error {
		for i := range indexes {
			s, err := w.readSegment(gctx, c, i, 0)
			if err != nil {
				return err
			}
			g.Go(func() error {
				if err := s.put(ctx); err != nil {
					s.grant.release()
					return err
				}
				w.moved.add(&w.stats, s.size)
				reached(i, s.grant)
				return nil
			})
		}
		return nil
	})
	return g.Wait()
}

// resumeAt returns the first segment that is not in the container yet.
func (w *worker) resumeAt(ctx context.Context, in state.Inode, attr state.Attr) (uint64, error) {
	p, err := w.journal.ProgressOf(ctx, in.Ino)
	if err != nil {
		return 0, err
	}
	if p.Attr.Size != attr.Size || p.Attr.Mtime != attr.Mtime || p.Attr.Ctime != attr.Ctime {
		return 0, nil
	}
	return p.Segments, nil
}

// segment is a data segment on its way.
type segment struct {
	engine  *Engine
	index   uint64
	size    int64 // bytes of contents
	name    string
	buf     *[]byte // from the pool, holds payload
	payload []byte
	grant   *grant
	extra   int64 // of the grant, for something else
}

// readSegment waits for memory, and extra bytes of it, and reads data segment
// index of a file.
func (w *worker) readSegment(ctx context.Context, c contents, index uint64, extra int64) (*segment, error) {
	offset := clfs.SegmentOffset(index, false)
	n := int(min(uint64(c.size)-offset, clfs.SegmentBytes))
	room := n + finishRoom
	grant, err := w.budget.acquire(ctx, capacity(room)+capacity(clfs.PackBound(room))+extra)
	if err != nil {
		return nil, err
	}
	s := &segment{engine: w.Engine, index: index, size: int64(n), buf: w.budget.buffer(room), grant: grant, extra: extra}
	data := (*s.buf)[clfs.SegmentDataOffset : clfs.SegmentDataOffset+n]
	if err := w.readFull(c.file, data, int64(offset)); err != nil {
		w.budget.recycle(s.buf)
		grant.release()
		return nil, err
	}
	s.payload = clfs.FinishSegment((*s.buf)[:0], n, c.ctime, offset, c.id)
	id := clfs.SegmentID(w.journal.Settings.Key, c.id, c.generation, index)
	s.name = clfs.ObjectName(id, c.id, clfs.TypeSegment, clfs.FirstVersion)
	return s, nil
}

// put compresses and uploads the segment. Afterwards its grant is what counts as
// uploaded and not recorded.
func (s *segment) put(ctx context.Context) error {
	b := s.engine.budget
	packedBuf := b.buffer(clfs.PackBound(len(s.payload)))
	defer b.recycle(packedBuf)
	packed := clfs.Pack((*packedBuf)[:0], s.payload, s.engine.journal.Settings.Compression)
	b.recycle(s.buf)
	s.grant.shrink(int64(cap(*packedBuf)) + s.extra)
	if err := s.engine.put(ctx, s.name, packed); err != nil {
		return fmt.Errorf("put segment %d: %w", s.index, err)
	}
	s.grant.shrink(int64(len(packed)) + s.extra)
	return nil
}

// frontier reports how far a file has come without a gap.
type frontier struct {
	recorder *recorder
	inode    state.Inode
	attr     state.Attr
	mu       sync.Mutex
	next     uint64            // all segments before are uploaded
	ahead    map[uint64]*grant // uploaded, but not all before them
}

func (f *frontier) reached(index uint64, g *grant) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ahead[index] = g
	var grants []*grant
	for g := f.ahead[f.next]; g != nil; g = f.ahead[f.next] {
		grants = append(grants, g)
		delete(f.ahead, f.next)
		f.next++
	}
	if grants == nil {
		return
	}
	progress := &state.Progress{Segments: f.next, Attr: f.attr}
	f.recorder.add(event{outcome: state.Outcome{Inode: f.inode, Progress: progress}, grants: grants})
}

// abandon gives back what was uploaded behind a gap that will not be filled.
func (f *frontier) abandon() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, g := range f.ahead {
		g.release()
	}
	f.ahead = nil
}
