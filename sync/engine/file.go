package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"syscall"

	"clfsload/clfs"
	"clfsload/state"
)

// regular transfers a regular file. A file that changes while it is read is read
// again, and fails when it goes on changing.
func (w *worker) regular(ctx context.Context, path string, e *event) error {
	var err error
	for range attempts {
		if err = w.tryRegular(ctx, path, e); !errors.Is(err, errChanged) {
			return err
		}
		w.moved.drop(&w.stats)
		releaseAll(e.grants)
		e.grants = nil
	}
	return &entryError{state.Problem{Op: "read", Reason: err.Error()}}
}

func (w *worker) tryRegular(ctx context.Context, path string, e *event) error {
	f, err := w.source.Open(path)
	if err != nil {
		return entryProblem("open", err)
	}
	defer f.Close()
	if err := w.begin(ctx, f, e); err != nil {
		return err
	}
	in, attr := e.outcome.Inode, e.outcome.Attr
	head := w.head[:min(attr.Size, clfs.FirstSegmentBytes)]
	blocks, err := w.putContents(ctx, f, e, head)
	if err != nil {
		return wrongSize(f, attr, err)
	}
	if err := unchanged(f, attr); err != nil {
		return err
	}
	o := clfs.Inode{Direct: blocks.direct, Roots: blocks.roots, Data: head}
	if err := w.putInode(ctx, path, e, o); err != nil {
		return err
	}
	// What a longer version of the file has left is not part of it any more.
	return w.removeBlocks(ctx, in, clfs.SegmentCount(uint64(attr.Size)))
}

// putContents reads the first bytes of a file into head, and uploads the others.
func (w *worker) putContents(ctx context.Context, f File, e *event, head []byte) (blockMap, error) {
	if err := w.readFull(f, head, 0); err != nil {
		return blockMap{}, err
	}
	blocks, err := w.putSegments(ctx, f, e)
	if err != nil {
		return blockMap{}, err
	}
	return blocks, w.endsAt(f, e.outcome.Attr.Size)
}

// endsAt returns errChanged when a file has more bytes than its size.
func (w *worker) endsAt(f io.ReaderAt, size int64) error {
	var more [1]byte
	switch n, err := f.ReadAt(more[:], size); {
	case n > 0:
		return errChanged
	case !errors.Is(err, io.EOF):
		return entryProblem("read", err)
	}
	return nil
}

// wrongSize says of a file whose contents do not fit its size, and that has not changed,
// what it is.
func wrongSize(f File, attr state.Attr, err error) error {
	if !errors.Is(err, errChanged) {
		return err
	}
	if err := unchanged(f, attr); err != nil {
		return err
	}
	return &entryError{state.Problem{Op: "read", Reason: fmt.Sprintf("its size is %d bytes, but its contents have another length: "+
		"the kernel or a program generates them when they are read; exclude it", attr.Size)}}
}

// begin decides which attributes the contents have that are about to be read:
// those of the scan, or newer ones when the file has changed since. A larger
// size is in the journal before anything of it is uploaded.
func (w *worker) begin(ctx context.Context, f File, e *event) error {
	now, err := f.Attr()
	if err != nil {
		return entryProblem("stat", err)
	}
	in := &e.outcome.Inode
	if now.Type != clfs.TypeRegular {
		return &entryError{state.Problem{Op: "open", Reason: "it is no regular file any more", Gone: true}}
	}
	if in.Links > 1 && now.Ino != in.Attr.Ino {
		return &entryError{state.Problem{Op: "open", Reason: "it was replaced, and its other links may stand for the file that it was", Gone: true}}
	}
	e.outcome.Attr = in.Attr
	if now.SameContents(in.Attr) {
		return nil
	}
	now.Nlink = in.Attr.Nlink
	e.outcome.Attr = now
	if now.Size <= in.Attr.Size {
		return nil
	}
	if err := w.journal.Grow(ctx, *in, now.Size); err != nil {
		return err
	}
	in.Attr.Size = now.Size
	return nil
}

// unchanged returns errChanged when the contents may differ from what was read.
func unchanged(f File, attr state.Attr) error {
	now, err := f.Attr()
	if err != nil {
		return entryProblem("stat", err)
	}
	if !now.SameContents(attr) {
		return errChanged
	}
	return nil
}

// readFull fills p. A file that ends before has changed.
func (w *worker) readFull(f io.ReaderAt, p []byte, offset int64) error {
	n, err := f.ReadAt(p, offset)
	w.stats.Read.Add(int64(n))
	if n == len(p) {
		return nil
	}
	if errors.Is(err, io.EOF) {
		return errChanged
	}
	return entryProblem("read", err)
}

// entryProblem makes an error of the source one of the entry.
func entryProblem(op string, err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		err = pathErr.Err
	}
	gone := errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.ELOOP)
	return &entryError{state.Problem{Op: op, Reason: err.Error(), Gone: gone}}
}
