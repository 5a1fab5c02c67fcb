package engine

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"clfsload/clfs"
	"clfsload/state"
)

// worker transfers one inode after the other and keeps its buffers.
type worker struct {
	*Engine
	flight  *atomic.Pointer[flight]
	moved   moved
	head    []byte // the first bytes of a file
	payload []byte // an encoded inode
	packed  []byte // the same as a blob
}

func newWorker(e *Engine, f *atomic.Pointer[flight]) *worker {
	return &worker{Engine: e, flight: f, head: make([]byte, clfs.FirstSegmentBytes)}
}

func (w *worker) run(ctx context.Context, work <-chan state.Inode) error {
	for in := range work {
		if err := w.transfer(ctx, in); err != nil {
			return err
		}
	}
	return nil
}

// transfer uploads an inode and hands its outcome to the recorder. Only an error
// that is not the entry's own is returned.
func (w *worker) transfer(ctx context.Context, in state.Inode) error {
	path, err := w.journal.Path(ctx, in)
	if err != nil {
		return err
	}
	w.flight.Store(&flight{path: func() string { return path }, since: time.Now()})
	defer w.flight.Store(nil)
	e := event{outcome: state.Outcome{Inode: in, Attr: in.Attr}, finished: true}
	if in.Attr.Type == clfs.TypeRegular {
		err = w.regular(ctx, path, &e)
	} else {
		err = w.special(ctx, path, &e)
	}
	var failed *entryError
	if errors.As(err, &failed) {
		w.moved.drop(&w.stats)
		w.fail(path, e, failed.Problem)
		return nil
	}
	if err != nil {
		releaseAll(e.grants)
		return fmt.Errorf("transfer %q: %w", path, err)
	}
	w.recorder.add(e)
	w.moved.finish(&w.stats, e.outcome.Attr)
	w.stats.Inodes.Add(1)
	return nil
}

// fail records the failure of an entry. Blobs that it may have left are
// overwritten when it is tried again, or removed when it is given up.
func (w *worker) fail(path string, e event, p state.Problem) {
	e.outcome.Problem = &p
	w.recorder.add(e)
	if w.events.Failure != nil {
		w.events.Failure(path, p)
	}
}

// special transfers what has no contents to read: links, devices, fifos, sockets.
func (w *worker) special(ctx context.Context, path string, e *event) error {
	in := &e.outcome.Inode
	return w.putInode(ctx, path, e, clfs.Inode{Direct: []clfs.ID{in.ID}, Data: in.Target})
}

// putInode completes an inode object with what the journal knows and uploads it.
// The caller sets Direct, Roots and Data.
func (w *worker) putInode(ctx context.Context, path string, e *event, o clfs.Inode) error {
	in := &e.outcome.Inode
	var err error
	if o.BackPointers, err = w.journal.BackPointers(ctx, *in); err != nil {
		return err
	}
	o.Attr = w.attr(func() string { return path }, *in, e.outcome.Attr)
	o.Attr.Nlink = in.Links
	if in.Links == clfs.MaxLinks && e.outcome.Attr.Nlink > clfs.MaxLinks && w.events.Warning != nil {
		w.events.Warning(path, "it has more than the 1023 links that CLFS can hold: the others became a further file")
	}
	o.FirstSegmentSize, o.SegmentSize = clfs.FirstSegmentBytes, clfs.SegmentBytes
	o.Name = in.Name
	w.payload = o.Append(w.payload[:0])
	w.packed = clfs.Pack(w.packed[:0], w.payload, w.journal.Settings.Compression)
	if len(e.grants) == 0 { // otherwise that of the only segment includes the inode's
		g, err := w.budget.acquire(ctx, int64(len(w.packed)))
		if err != nil {
			return err
		}
		e.grants = append(e.grants, g)
	}
	return w.put(ctx, clfs.ObjectName(in.ID, o.BackPointers[0], o.Attr.Type, clfs.FirstVersion), w.packed)
}

func releaseAll(grants []*grant) {
	for _, g := range grants {
		g.release()
	}
}
