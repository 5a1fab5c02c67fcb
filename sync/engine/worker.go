package engine

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"clfsload/clfs"
	"clfsload/clfs/compression"
	"clfsload/clfs/object"
	"clfsload/rescue"
	"clfsload/state"
	"clfsload/sync/engine/blobs"
	"clfsload/sync/engine/memory"
	"clfsload/sync/engine/record"
)

// worker uploads one node after the other and keeps its buffers.
type worker struct {
	*Engine
	source      Source
	flight      *atomic.Pointer[flight]
	transferred transferCount
	job         job    // under way
	path        string // of its node, unless the namespace is live
	plan        blockPlan
	head        []byte // the first bytes of a file
	payload     []byte // an encoded inode
	packed      []byte // the same as a blob
}

func newWorker(e *Engine, s Source, f *atomic.Pointer[flight]) *worker {
	return &worker{Engine: e, source: s, flight: f, head: make([]byte, clfs.FirstSegmentBytes)}
}

func (w *worker) run(ctx context.Context, work <-chan job) error {
	for j := range work {
		if err := w.work(ctx, j); err != nil {
			return err
		}
	}
	return nil
}

// work does a job and hands its outcome to the recorder, which then gives the
// claim back. Only an error that is not the node's own is returned.
func (w *worker) work(ctx context.Context, taken job) error {
	w.job = taken
	j := &w.job
	path, err := w.pathOfJob(ctx)
	if err != nil {
		return err
	}
	w.flight.Store(&flight{path: path, since: time.Now()})
	defer w.flight.Store(nil)
	err = w.whileUseful(ctx, j, func(ctx context.Context) error {
		return rescue.Call(func() error { return w.do(ctx, path, j) })
	})
	if err == nil {
		return nil
	}
	p, own := w.failureOf(err)
	if w.options.Live || own || errors.Is(err, errStale) { // otherwise it ends here, with what was put
		w.transferred.drop(&w.stats)
	}
	if own && !w.options.Live {
		w.fail(path, j, p)
		return nil
	}
	if err = w.dropped(ctx, path, j, err); err != nil {
		err = fmt.Errorf("upload %q: %w", path(), err)
		if !w.options.Live {
			return err // nobody else is to begin with it before all have ended
		}
	}
	w.release(j.claim())
	w.recorded.Ring() // it may be queued again, or nobody's any more
	return err
}

// pathOfJob looks the path up of which messages tell, and by which the contents are found. That of
// a live namespace is looked up when a message needs it.
func (w *worker) pathOfJob(ctx context.Context) (blobs.PathFunc, error) {
	if w.options.Live {
		return w.pathOf(ctx, w.job.node.Inode), nil
	}
	path, err := w.journal.Path(ctx, w.job.node.Inode)
	w.path = path
	return func() string { return path }, err
}

// failureOf tells an error that is the node's own. In a load it is one of the source: a container in
// which something is missing ends it.
func (w *worker) failureOf(err error) (state.Failure, bool) {
	var failed *blobs.EntryError
	if w.options.Live || !errors.As(err, &failed) {
		p, own := blobs.FailureOf(err)
		return p, own && w.options.Live
	}
	return failed.Failure, true
}

// fail hands the failure of a node to the recorder, which takes it out of the queue.
func (w *worker) fail(path blobs.PathFunc, j *job, p state.Failure) {
	if w.events.Failure != nil {
		w.events.Failure(path(), p)
	}
	failed := &state.FailedUpload{Node: j.node, Failure: p}
	c := j.claim()
	w.recorder.Add(record.Event{Failed: failed, Landed: func() { w.release(c) }})
}

// do leaves in j the node as it was tried last.
func (w *worker) do(ctx context.Context, path blobs.PathFunc, j *job) error {
	if j.early {
		return w.early(ctx, j)
	}
	return w.upload(ctx, path, j)
}

// errStale: a node is not any more what its row was when it was taken.
var errStale = errors.New("changed since it was queued")

// dropped decides what becomes of a job that came to no end: nothing when the node
// was changed meanwhile, it comes again; a failure when it is the node's own.
func (w *worker) dropped(ctx context.Context, path blobs.PathFunc, j *job, cause error) error {
	if errors.Is(cause, errStale) {
		return nil
	}
	p, own := blobs.FailureOf(cause)
	if !own {
		return cause
	}
	if _, err := w.unchanged(ctx, j.node); err != nil {
		if errors.Is(err, errStale) {
			return nil
		}
		return err
	}
	if w.events.Failure != nil {
		w.events.Failure(path(), p)
	}
	// Who sees that it rests finds the reason.
	if err := w.journal.SetUploadFailure(ctx, j.node.Ino, p.Op+": "+p.Reason, time.Now().UnixNano()); err != nil {
		return err
	}
	w.resting.Failed(j.node.Ino)
	return nil
}

// unchanged returns the row of a node as it is now, or errStale when its contents,
// its place or what its blobs are called is not what it was. Attributes may differ:
// then it comes again.
func (w *worker) unchanged(ctx context.Context, n state.Node) (state.Node, error) {
	now, err := w.journal.Node(ctx, n.Ino)
	if errors.Is(err, state.ErrNoEntry) {
		return now, errStale
	}
	if err != nil {
		return now, err
	}
	if now.State == state.Removed || now.Cseq != n.Cseq || now.Version != n.Version || now.Next != n.Next {
		return now, errStale
	}
	return now, nil
}

// early uploads a full block of a file that is still being written.
func (w *worker) early(ctx context.Context, j *job) error {
	f, err := w.open(j.node)
	if err != nil {
		return err
	}
	defer f.Close()
	offset, length := state.BlockRange(j.block)
	c := contentsOf(f, j.node)
	c.size = offset + length // the file may be longer than its row says
	g, err := w.putSegment(ctx, c, j.block-1, 0)
	if err != nil {
		return err
	}
	w.transferred.now.Store(0)
	taken := j.claim()
	w.addBlock(&j.node, j.block, true, g, func() { w.release(taken) })
	return nil
}

// open opens the contents of a file.
func (w *worker) open(n state.Node) (File, error) {
	f, err := w.source.Open(n, w.path)
	if err != nil {
		return nil, entryFailure("open", err)
	}
	return f, nil
}

// addBlock hands a block that was put to the recorder.
func (w *worker) addBlock(n *state.Node, block uint64, early bool, g *memory.Grant, landed func()) {
	b := &state.BlockOutcome{Ino: n.Ino, Index: block, Gen: n.Next, Cseq: n.Cseq, Early: early}
	w.recorder.Add(record.Event{Block: b, Grants: []*memory.Grant{g}, Landed: landed})
}

// upload does what a queued node needs.
func (w *worker) upload(ctx context.Context, path blobs.PathFunc, j *job) error {
	n := j.node
	switch {
	case n.PutPub != 0 && n.ContentsCurrent():
		return w.rewrite(ctx, path, j)
	case n.Attr.Type == clfs.TypeRegular:
		// Its contents may all be in the container nevertheless: when it was moved
		// to another directory while its inode was put.
		return w.file(ctx, path, j)
	}
	return w.seal(ctx, path, j, object.Inode{Direct: []clfs.ID{n.ID}, Data: n.Target}, nil)
}

// rewrite puts an inode again of which only the attributes or the names have
// changed. The next publication does that for one that is published, or that waits
// for it with new contents.
func (w *worker) rewrite(ctx context.Context, path blobs.PathFunc, j *job) error {
	n := j.node
	if w.journal.InReach(&n) || n.ImageGen != 0 {
		w.finish(j, &state.Upload{Node: n}, nil, nil)
		return nil
	}
	o, err := w.store.StoredInode(ctx, n)
	if err != nil {
		return err
	}
	return w.complete(ctx, path, j, *o, nil, false)
}

// seal completes a node whose contents are all in the container but for the inode
// itself, in which the caller has set Direct, Roots and Data.
func (w *worker) seal(ctx context.Context, path blobs.PathFunc, j *job, o object.Inode, grants []*memory.Grant) error {
	o.FirstSegmentSize, o.SegmentSize = clfs.FirstSegmentBytes, clfs.SegmentBytes
	return w.complete(ctx, path, j, o, grants, true)
}

// complete puts the inode of a node, or hands it to the journal for the next
// publication when the node is published. The grants, if any, have room for it.
func (w *worker) complete(ctx context.Context, path blobs.PathFunc, j *job, o object.Inode, grants []*memory.Grant, sealed bool) error {
	back, err := w.backPointers(ctx, j.node)
	if err != nil {
		memory.ReleaseAll(grants)
		return err
	}
	w.store.Stamp(&o, path, j.node, back)
	w.warnOfLinks(ctx, path, j.node)
	w.payload = o.Append(w.payload[:0])
	w.packed = compression.Pack(w.packed[:0], w.payload, w.journal.Settings.Compression)
	if len(grants) == 0 {
		g, err := w.budget.Acquire(ctx, int64(max(len(w.packed), len(w.payload))))
		if err != nil {
			return err
		}
		grants = []*memory.Grant{g}
	}
	if err := w.gate.Enter(ctx); err != nil {
		memory.ReleaseAll(grants)
		return err
	}
	passedOn := false
	defer func() { // also of a panic
		if !passedOn {
			w.gate.Leave()
			memory.ReleaseAll(grants)
		}
	}()
	up, err := w.putUnlessPublished(ctx, j, back[0], sealed)
	if err != nil {
		return err
	}
	passedOn = true
	w.finish(j, up, grants, w.gate.Leave)
	return nil
}

// putUnlessPublished decides and puts, inside the gate.
//
// New contents of a node that has a blob are put by a publication alone, even if none
// has led to the node yet. A put that is not recorded, because the process dies or the
// file changes meanwhile, leaves a blob that readers prefer to the recorded one. Should
// a publication lead there, its segments would be put again with other bytes.
func (w *worker) putUnlessPublished(ctx context.Context, j *job, owner clfs.ID, sealed bool) (*state.Upload, error) {
	n := j.node
	if w.journal.Seq() != j.seq {
		if _, err := w.unchanged(ctx, n); err != nil {
			return nil, err
		}
	}
	up := &state.Upload{Node: n, ContentsUploaded: sealed}
	if w.journal.InReach(&n) || sealed && n.PutPub != 0 {
		if sealed {
			up.Image = append([]byte(nil), w.payload...)
		}
		return up, nil
	}
	up.Put, up.Owner = true, owner.Hash()
	name := clfs.ObjectName(n.ID, owner, n.Attr.Type, n.Version)
	if n.PutVersion != 0 {
		// Readers prefer it to the one before, should a publication lead there first.
		return up, w.store.PutInReach(ctx, name, w.packed)
	}
	return up, w.store.Put(ctx, name, w.packed)
}

// finish hands the outcome of a job to the recorder. leave, if any, is called when
// it is committed.
func (w *worker) finish(j *job, up *state.Upload, grants []*memory.Grant, leave func()) {
	w.transferred.finish(&w.stats, up)
	w.stats.Inodes.Add(1)
	c := j.claim()
	w.recorder.Add(record.Event{Upload: up, Grants: grants, Landed: func() {
		if leave != nil {
			leave()
		}
		w.resting.End(c.ino)
		w.release(c)
	}})
}

// backPointers are the directories of a node, that of its first name first: its
// blob is named after that one. It may have lost that name since it was read.
func (w *worker) backPointers(ctx context.Context, n state.Node) ([]clfs.ID, error) {
	back, err := w.journal.BackPointers(ctx, n.Inode)
	if err == nil {
		return back, nil
	}
	if now, again := w.journal.Node(ctx, n.Ino); errors.Is(again, state.ErrNoEntry) || again == nil && now.Seq != n.Seq {
		return nil, errStale
	}
	if errors.Is(err, state.ErrNoEntry) {
		err = fmt.Errorf("inode %d: %w: it has no links", n.Ino, state.ErrDamaged)
	}
	return nil, err
}

// warnOfLinks tells of an inode that has more names in the source than CLFS can hold.
func (w *worker) warnOfLinks(ctx context.Context, path blobs.PathFunc, n state.Node) {
	if n.Links < clfs.MaxLinks || w.options.Live || w.events.Warning == nil {
		return
	}
	if links, err := w.journal.ExpectedLinks(ctx, n.Inode); err == nil && links > clfs.MaxLinks {
		w.events.Warning(path(), "it has more than the 1023 links that CLFS can hold: the others became a further file")
	}
}

// pathOf is the path of an inode by its first name.
func (e *Engine) pathOf(ctx context.Context, in state.Inode) blobs.PathFunc {
	return blobs.LazyPath(in.Ino, func() (string, error) { return e.journal.Path(context.WithoutCancel(ctx), in) })
}
