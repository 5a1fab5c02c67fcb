package tree

import (
	"context"
	"errors"
	"iter"

	"clfsload/clfs"
	"clfsload/clfs/object"
	"clfsload/rescue"
)

// readAhead is how many segments of one file are read at a time. For a directory it is fewer: many
// directories are open at a time, and their segments are not counted in the memory budget. The
// reader of a directory may wait for the files in it, which need that budget.
const (
	readAhead    = 8
	dirReadAhead = 2
)

// maxDirSegmentPayload bounds the decompressed size of a directory's segment, in bytes. A full one
// has a quarter of that.
const maxDirSegmentPayload = 4 * clfs.DirSegmentBytes

// A Piece is a block of a block map with the contents of its blob.
type Piece struct {
	Block
	Blob    Object         // of a segment; an indirect block has Block.Object
	Segment object.Segment // of a segment; valid until the next piece
}

// Pieces goes over the blocks from..to of a node as [Tree.Blocks] does and reads the segments,
// several at a time. It does not check the owner and offset in a segment: see [CheckSegment]. An
// error comes with its piece, and the iteration continues after it.
func (t *Tree) Pieces(ctx context.Context, n *Node, from, to uint64) iter.Seq2[Piece, error] {
	return func(yield func(Piece, error) bool) {
		if !n.hasBlocks() {
			return
		}
		reading, cancel := context.WithCancel(ctx)
		queue := make(chan *pending, n.readAhead())
		go t.produce(reading, n, from, to, queue)
		defer drain(queue)
		defer cancel()
		for p := range queue {
			<-p.done
			more := yield(p.piece, p.err)
			p.release()
			if !more {
				return
			}
		}
		if err := ctx.Err(); err != nil {
			yield(Piece{}, err)
		}
	}
}

func (n *Node) readAhead() int {
	if n.IsDir() {
		return dirReadAhead
	}
	return readAhead
}

// hasBlocks reports whether the block map lists blocks, or should list some.
func (n *Node) hasBlocks() bool {
	return len(n.Inode.Direct) > 1 || usedRoots(n.Inode) > 0 || n.needs() > 1
}

// pending is a piece that is being read.
type pending struct {
	piece   Piece
	err     error
	done    chan struct{} // closed when piece and err are set
	release func()
}

// drain waits for the pieces that are no longer needed.
func drain(queue <-chan *pending) {
	for p := range queue {
		<-p.done
		p.release()
	}
}

// produce starts the reading of each piece. Memory is taken here, in order, so that the next piece
// of the consumer always has its share.
func (t *Tree) produce(ctx context.Context, n *Node, from, to uint64, queue chan<- *pending) {
	defer close(queue)
	if err := rescue.Call(func() error { t.queue(ctx, n, from, to, queue); return nil }); err != nil {
		p := &pending{err: err, done: make(chan struct{}), release: func() {}}
		close(p.done)
		queue <- p
	}
}

func (t *Tree) queue(ctx context.Context, n *Node, from, to uint64, queue chan<- *pending) {
	weight := segmentWeightOf(n)
	for b, err := range t.Blocks(ctx, n, from, to) {
		p := &pending{piece: Piece{Block: b}, err: err, done: make(chan struct{}), release: func() {}}
		if p.err == nil && !b.Indirect {
			p.err = t.memory.Acquire(ctx, weight)
		}
		if p.err != nil || b.Indirect {
			close(p.done)
		} else {
			p.release = func() { t.memory.Release(weight) }
			go t.readPiece(ctx, n, p)
		}
		queue <- p
		if ctx.Err() != nil {
			return
		}
	}
}

func (t *Tree) readPiece(ctx context.Context, n *Node, p *pending) {
	defer close(p.done)
	defer rescue.Into(&p.err)
	if p.err = t.misplaced(n, p); p.err != nil {
		return
	}
	most := mostOf(n, p.piece.Number)
	p.piece.Blob, p.err = t.fetchBlock(ctx, n, p.piece.ID, clfs.TypeSegment, most, func(o Object, payload []byte) (err error) {
		if p.piece.Segment, err = object.DecodeSegment(payload); err != nil {
			return BadObject(err, o.Blob)
		}
		return p.check(n, o)
	})
	if errors.Is(p.err, errMisplaced) {
		p.err = nil // the same in each answer: the container has it so
	}
	if p.err == nil {
		t.placed.Add(p.piece.ID, placedSegment{p.piece.Blob, p.piece.Segment.Owner, p.piece.Segment.Offset})
	}
}

// segmentSlack is how much longer a segment's payload may be than its required contents: for its
// other records, and to identify it if it is too long.
const segmentSlack = 64 << 10

// mostOf is the maximum payload of block number in bytes; segmentWeightOf reserves the memory for
// it.
func mostOf(n *Node, number uint64) int {
	if n.IsDir() {
		return maxDirSegmentPayload
	}
	l, err := layoutOf(n)
	if err != nil {
		return maxSegmentPayload
	}
	return min(int(wantLength(n, l, number))+segmentSlack, maxSegmentPayload)
}

// errMisplaced: the owner or offset in a segment is not its place. It is a reason to read it again;
// the consumer decides.
var errMisplaced = errors.New("segment of another file or offset")

func (p *pending) check(n *Node, o Object) error {
	if CheckSegment(n, p.piece.Number, o, p.piece.Segment) != nil {
		return errMisplaced
	}
	return nil
}

// placedSegment is the place recorded in a segment.
type placedSegment struct {
	object Object
	owner  clfs.ID
	offset uint64
}

// misplaced returns the damage of a segment that was read before and belongs elsewhere. Otherwise a
// small container whose block maps all lead to the same segments would take as much reading as a
// huge one.
func (t *Tree) misplaced(n *Node, p *pending) error {
	known, found := t.placed.Get(p.piece.ID)
	l, err := layoutOf(n)
	if !found || err != nil {
		return nil
	}
	p.piece.Blob = known.object
	s := object.Segment{Owner: known.owner, Offset: known.offset}
	return errors.Join(checkOwner(n, known.object, s), checkOffset(l.offset(p.piece.Number), known.object, s))
}

// segmentWeightOf is the share of a segment of n in the memory budget. A small file's only segment
// takes less than a full one, a directory's none.
func segmentWeightOf(n *Node) int64 {
	if n.IsDir() {
		return 0
	}
	return min(2*(int64(min(n.Inode.Attr.Size, clfs.SegmentBytes))+segmentSlack), segmentWeight)
}

// CheckSegment compares the owner and offset in a segment with its place: block number of n, of
// file contents or directory entries.
func CheckSegment(n *Node, number uint64, o Object, s object.Segment) error {
	l, err := layoutOf(n)
	if err != nil {
		return err
	}
	return errors.Join(checkOwner(n, o, s), checkOffset(l.offset(number), o, s), checkShape(n, o, s), checkLength(n, l, number, o, s))
}

func checkOwner(n *Node, o Object, s object.Segment) error {
	if s.Owner != n.ID {
		return damagef(KindSegmentOwner, o.Blob, "segment says it belongs to %s, but stands in the block map of %s", s.Owner, n.ID)
	}
	return nil
}

func checkOffset(want uint64, o Object, s object.Segment) error {
	if s.Offset != want {
		return damagef(KindSegmentOffset, o.Blob, "segment says it starts at %d, but stands in the block map at %d", s.Offset, want)
	}
	return nil
}

func checkShape(n *Node, o Object, s object.Segment) error {
	if s.IsDirectory != n.IsDir() {
		return damagef(KindRecords, o.Blob, "segment of a %s without the records of such a segment", n.Type())
	}
	return nil
}

func checkLength(n *Node, l layout, number uint64, o Object, s object.Segment) error {
	want := wantLength(n, l, number)
	if n.IsDir() || uint64(len(s.Data)) == want {
		return nil
	}
	return damagef(KindSegmentLength, o.Blob, "segment at %d has %d bytes, must have %d", l.offset(number), len(s.Data), want)
}

// wantLength is the length of block number of a file, which follows from the file's size.
func wantLength(n *Node, l layout, number uint64) uint64 {
	if start := l.offset(number); start < n.Inode.Attr.Size {
		return min(l.segment, n.Inode.Attr.Size-start)
	}
	return 0
}
