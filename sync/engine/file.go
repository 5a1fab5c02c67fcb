package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"syscall"

	"clfsload/clfs"
	"clfsload/clfs/object"
	"clfsload/state"
	"clfsload/sync/engine/blobs"
	"clfsload/sync/engine/memory"
)

// reserve sees to it that the journal knows, before a block is put, that it may be in
// the container. Of a file that is large it reserves twice as many each time: so a file
// that is cut or removed has left about as much as was uploaded of it.
func (w *worker) reserve(ctx context.Context, p *blockPlan, block uint64) error {
	if block < p.node.Reserved {
		return nil
	}
	peak := min(2*block+1, p.count)
	ok, err := w.journal.ReserveBlocks(ctx, *p.node, peak)
	if err == nil && !ok {
		err = errStale
	}
	p.node.Reserved = peak
	return err
}

// file uploads what has changed of a regular file. Blocks that are in the container
// stay as they are; others are put under the node's next generation. A loose file that changes
// while it is read is read again, and fails when it goes on changing.
func (w *worker) file(ctx context.Context, path blobs.PathFunc, j *job) error {
	var err error
	for range attempts {
		if err = w.tryFile(ctx, path, j); !errors.Is(err, errChanged) {
			return err
		}
		w.transferred.drop(&w.stats)
	}
	return &blobs.EntryError{Failure: state.Failure{Op: "read", Reason: err.Error()}}
}

func (w *worker) tryFile(ctx context.Context, path blobs.PathFunc, j *job) error {
	w.plan = w.planOf(ctx, &j.node)
	p := &w.plan
	head, grants, err := w.putContents(ctx, p)
	if err != nil {
		return err
	}
	o, err := w.putMap(ctx, p)
	if err != nil {
		memory.ReleaseAll(grants)
		return err
	}
	o.Data = head
	return w.seal(ctx, path, j, o, grants)
}

// putContents uploads the blocks that are dirty and returns the first bytes of the
// file. A grant that comes back has room for the inode.
func (w *worker) putContents(ctx context.Context, p *blockPlan) (head []byte, grants []*memory.Grant, err error) {
	if w.options.Live && (p.node.Attr.Size == 0 || len(p.few()) == 0 && !p.staged(0)) {
		head, err = w.wholeHead(ctx, *p.node)
		return head, nil, cmp.Or(err, p.rows.err)
	}
	f, err := w.open(*p.node)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	loose, isLoose := f.(LooseFile)
	if isLoose {
		if err := w.begin(ctx, loose, p); err != nil {
			return nil, nil, err
		}
	}
	head, grants, err = w.putBlocks(ctx, f, p)
	if isLoose {
		err = w.checkLoose(loose, p.node.Attr, err)
	} else if errors.Is(err, errChanged) {
		err = &blobs.EntryError{Failure: state.Failure{Op: "read", Reason: "its staging file is shorter than the file"}}
	}
	if err = cmp.Or(err, p.rows.err); err != nil {
		memory.ReleaseAll(grants)
		return nil, nil, err
	}
	return head, grants, nil
}

// begin sees to it that the journal has the attributes of the contents that are about to be read,
// before anything of them is uploaded: the file may have changed since it was found.
func (w *worker) begin(ctx context.Context, f LooseFile, p *blockPlan) error {
	now, err := f.Attr()
	if err != nil {
		return entryFailure("stat", err)
	}
	n := *p.node
	if now.Type != clfs.TypeRegular {
		return &blobs.EntryError{Failure: state.Failure{Op: "open", Reason: "it is no longer a regular file", Gone: true}}
	}
	if n.Links > 1 && now.Ino != n.Attr.Ino {
		return &blobs.EntryError{Failure: state.Failure{Op: "open", Reason: "it was replaced, and its other links may stand for the file that it was", Gone: true}}
	}
	if now.SameContents(n.Attr) {
		w.transferred.keep(&w.stats, p.kept())
		return p.rows.err
	}
	n, ok, err := w.journal.Renew(ctx, n, now)
	if err == nil && !ok {
		err = errStale
	}
	if err == nil {
		*p.node = n
		*p = w.planOf(ctx, p.node)
	}
	return err
}

// checkLoose returns errChanged when a loose file may have changed since begin. err is what came
// of its upload.
func (w *worker) checkLoose(f LooseFile, attr state.Attr, err error) error {
	if err == nil {
		err = w.endsAt(f, attr.Size)
	}
	if err != nil && !errors.Is(err, errChanged) {
		return err
	}
	now, statErr := f.Attr()
	switch {
	case statErr != nil:
		return entryFailure("stat", statErr)
	case !now.SameContents(attr):
		return errChanged
	case err != nil:
		return &blobs.EntryError{Failure: state.Failure{Op: "read", Reason: fmt.Sprintf("its size is %d bytes, but its contents have another length: "+
			"the kernel or a program generates them when they are read; exclude it", attr.Size)}}
	}
	return nil
}

// endsAt returns errChanged when a file has more bytes than its size.
func (w *worker) endsAt(f io.ReaderAt, size int64) error {
	var more [1]byte
	switch n, err := f.ReadAt(more[:], size); {
	case n > 0:
		return errChanged
	case !errors.Is(err, io.EOF):
		return entryFailure("read", err)
	}
	return nil
}

// putBlocks reads the first bytes of a file, and uploads the blocks behind them that are dirty.
func (w *worker) putBlocks(ctx context.Context, f File, p *blockPlan) (head []byte, grants []*memory.Grant, err error) {
	head = w.head[:min(p.node.Attr.Size, clfs.FirstSegmentBytes)]
	if p.staged(0) {
		err = w.readFull(f, head, 0)
	} else {
		head, err = w.wholeHead(ctx, *p.node)
	}
	if err != nil {
		return nil, nil, err
	}
	dirty := p.few()
	switch len(dirty) {
	case 0:
		return head, nil, nil
	case 1:
		if err := w.reserve(ctx, p, dirty[0]); err != nil {
			return nil, nil, err
		}
		g, err := w.putOnlySegment(ctx, contentsOf(f, *p.node), dirty[0]-1)
		if err != nil {
			return nil, nil, err
		}
		return head, []*memory.Grant{g}, nil
	}
	return head, nil, w.putManyBlocks(ctx, contentsOf(f, *p.node), p)
}

// wholeHead returns the first bytes of a file whose block 0 is not in staging.
func (w *worker) wholeHead(ctx context.Context, n state.Node) ([]byte, error) {
	if n.Attr.Size == 0 {
		return nil, nil
	}
	head, err := w.store.Head(ctx, n)
	if want := min(n.Attr.Size, clfs.FirstSegmentBytes); err == nil && int64(len(head)) != want {
		err = fmt.Errorf("%s: %w: it has %d bytes of contents, not %d", n.PutName(), blobs.ErrDamaged, len(head), want)
	}
	return head, err
}

// putManyBlocks uploads blocks. Each is recorded by itself, so that a run that comes
// after goes on with those that are missing.
func (w *worker) putManyBlocks(ctx context.Context, c contents, p *blockPlan) error {
	n := p.node
	var reserving error
	segments := func(yield func(uint64) bool) {
		for block := range p.dirty() {
			if reserving = w.reserve(ctx, p, block); reserving != nil || !yield(block-1) {
				return
			}
		}
	}
	err := w.putInParallel(ctx, c, segments, func(index uint64, g *memory.Grant) {
		w.addBlock(n, index+1, false, g, nil)
	})
	return cmp.Or(err, reserving)
}

// putMap uploads the indirect blocks of a file whose segments are uploaded.
func (w *worker) putMap(ctx context.Context, p *blockPlan) (object.Inode, error) {
	n := *p.node
	own := n.Next
	if n.Flags&state.Content == 0 && own > 0 {
		own-- // they belong to the last seal
	}
	if own == n.Next && p.count > clfs.MaxDirect {
		if err := w.reserve(ctx, p, p.count-1); err != nil {
			return object.Inode{}, err
		}
	}
	if n.Flags&state.BaseMap != 0 {
		return w.editMap(ctx, p)
	}
	var o object.Inode
	if n.Flags&state.Adopted != 0 {
		base, err := w.store.BaseOf(ctx, n)
		if err != nil {
			return o, err
		}
		o = *base
	}
	b := w.store.NewMapBuilder(ctx, n.ID, own, blobs.CtimeSeconds(n.Attr))
	for i := uint64(1); i < p.count; i++ {
		generation, ok := p.uploaded(i)
		if !ok {
			generation = n.Next
		}
		if err := b.Add(clfs.SegmentID(w.journal.Settings.Key, n.ID, generation, i-1)); err != nil {
			return object.Inode{}, err
		}
	}
	var err error
	o.Direct, o.Roots, err = b.Finish()
	return o, cmp.Or(err, p.rows.err)
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
	return entryFailure("read", err)
}

// entryFailure makes an error of the source one of the entry.
func entryFailure(op string, err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		err = pathErr.Err
	}
	gone := errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.ELOOP)
	return &blobs.EntryError{Failure: state.Failure{Op: op, Reason: err.Error(), Gone: gone}}
}
