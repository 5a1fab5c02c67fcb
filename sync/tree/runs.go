package tree

import (
	"context"
	"fmt"
	"io"
	"iter"
)

// A Run is a stretch of a file's contents.
type Run struct {
	Offset uint64
	Data   []byte // valid until the next run
	Lost   uint64 // with an error: how many bytes from Offset on cannot be read
}

// Runs reads the bytes from..to of a regular file, in order and several segments at a time. The
// gaps between runs are holes, which read as zeros. An error comes with the lost stretch, and the
// iteration continues after it.
func (t *Tree) Runs(ctx context.Context, n *Node, from, to uint64) iter.Seq2[Run, error] {
	return func(yield func(Run, error) bool) {
		to := min(to, n.Inode.Attr.Size)
		l, err := layoutOf(n)
		if err != nil {
			yield(Run{Offset: from, Lost: to - min(from, to)}, err)
			return
		}
		first, err := firstRun(n, l)
		if r := first.clip(from, to); (err != nil || len(r.Data) > 0) && !yield(r, err) {
			return
		}
		t.blockRuns(ctx, n, l, from, to, yield)
	}
}

// firstRun is the part of the contents in the inode.
func firstRun(n *Node, l layout) (Run, error) {
	want := min(l.first, n.Inode.Attr.Size)
	have := uint64(len(n.Inode.Data))
	if have >= want {
		return Run{Data: n.Inode.Data[:want]}, nil
	}
	return Run{Lost: want}, damagef(KindSegmentLength, n.Blob, "the inode has %d bytes of contents, must have %d", have, want)
}

func (t *Tree) blockRuns(ctx context.Context, n *Node, l layout, from, to uint64, yield func(Run, error) bool) {
	if to <= from || to <= l.first {
		return
	}
	start := uint64(1)
	if from > l.first {
		start += (from - l.first) / l.segment
	}
	for p, err := range t.Pieces(ctx, n, start, l.blocks(to)) {
		if p.Indirect && err == nil {
			continue
		}
		if err == nil {
			err = CheckSegment(n, p.Number, p.Blob, p.Segment)
		}
		r := Run{Offset: l.offset(p.Number), Data: p.Segment.Data}
		if err != nil {
			r = Run{Offset: r.Offset, Lost: lostBytes(p.Block, l)}
		}
		if !yield(r.clip(from, to), err) {
			return
		}
	}
}

// BlockData reads the contents in block number of a regular file; block 0 is the part in the inode.
// Its length follows from the file's size. The caller may keep the data and must not change them.
// They are nil for a hole.
func (t *Tree) BlockData(ctx context.Context, n *Node, number uint64) (data []byte, err error) {
	l, err := layoutOf(n)
	if err != nil {
		return nil, err
	}
	if number == 0 {
		r, err := firstRun(n, l)
		return r.Data, err
	}
	for p, err := range t.Pieces(ctx, n, number, number+1) {
		if p.Indirect && err == nil {
			continue
		}
		if err == nil {
			err = CheckSegment(n, number, p.Blob, p.Segment)
		}
		if err != nil {
			return nil, err
		}
		data = p.Segment.Data
	}
	return data, nil
}

// lostBytes is the number of bytes in a block; for a high indirect block it exceeds 64 bits.
func lostBytes(b Block, l layout) uint64 {
	if b.Count > (1<<63)/l.segment {
		return 1 << 63
	}
	return b.Count * l.segment
}

// clip returns the part of a run between from and to.
func (r Run) clip(from, to uint64) Run {
	if r.Offset < from {
		skip := from - r.Offset
		r.Offset = from
		r.Data = r.Data[min(skip, uint64(len(r.Data))):]
		r.Lost -= min(skip, r.Lost)
	}
	room := to - min(r.Offset, to)
	r.Data = r.Data[:min(room, uint64(len(r.Data)))]
	r.Lost = min(r.Lost, room)
	return r
}

// WriteTo writes the bytes from..to of a regular file to w, holes as zeros. It stops at the first
// unreadable stretch.
func (t *Tree) WriteTo(ctx context.Context, w io.Writer, n *Node, from, to uint64) error {
	to = min(to, n.Inode.Attr.Size)
	at := from
	for r, err := range t.Runs(ctx, n, from, to) {
		if err != nil {
			return fmt.Errorf("read at %d: %w", r.Offset, err)
		}
		if err := writeZeros(ctx, w, r.Offset-at); err != nil {
			return err
		}
		if _, err := w.Write(r.Data); err != nil {
			return err
		}
		at = r.Offset + uint64(len(r.Data))
	}
	return writeZeros(ctx, w, to-min(at, to))
}

var zeros [1 << 16]byte

func writeZeros(ctx context.Context, w io.Writer, n uint64) error {
	for n > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		step := min(n, uint64(len(zeros)))
		if _, err := w.Write(zeros[:step]); err != nil {
			return err
		}
		n -= step
	}
	return nil
}

// ReadAt fills p with the contents of a regular file from off on. At the end it returns the
// available bytes and io.EOF, as io.ReaderAt does.
func (t *Tree) ReadAt(ctx context.Context, n *Node, p []byte, off uint64) (int, error) {
	end := min(off+uint64(len(p)), n.Inode.Attr.Size)
	if off >= end {
		return 0, io.EOF
	}
	p = p[:end-off]
	clear(p)
	for r, err := range t.Runs(ctx, n, off, end) {
		if err != nil {
			return 0, fmt.Errorf("read at %d: %w", r.Offset, err)
		}
		copy(p[r.Offset-off:], r.Data)
	}
	if end == n.Inode.Attr.Size {
		return len(p), io.EOF
	}
	return len(p), nil
}
