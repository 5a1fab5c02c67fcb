package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"clfsload/clfs"
	"clfsload/rescue"
	"clfsload/state"
	"clfsload/sync/blob"
	"clfsload/sync/tree"
)

// nodeWorker uploads one node of a mount after the other.
type nodeWorker struct {
	*worker
	nodes NodeSource
}

func (w *nodeWorker) run(ctx context.Context, work <-chan job) error {
	for j := range work {
		if err := w.work(ctx, j); err != nil {
			return err
		}
	}
	return nil
}

// work does a job and hands its outcome to the recorder, which then gives the
// claim back. Only an error that is not the node's own is returned.
func (w *nodeWorker) work(ctx context.Context, j job) error {
	path := w.pathOf(ctx, j.node.Inode)
	w.flight.Store(&flight{path: path, since: time.Now()})
	defer w.flight.Store(nil)
	err := w.whileUseful(ctx, j, func(ctx context.Context) error {
		return rescue.Call(func() error { return w.do(ctx, path, j) })
	})
	if err == nil {
		return nil
	}
	w.moved.drop(&w.stats)
	err = w.dropped(ctx, path, j, err)
	w.releaseJob(j)
	w.recorded.ring() // it may be queued again, or nobody's any more
	if err != nil {
		return fmt.Errorf("upload %q: %w", path(), err)
	}
	return nil
}

func (w *nodeWorker) do(ctx context.Context, path pathOf, j job) error {
	if j.early {
		return w.early(ctx, j)
	}
	return w.upload(ctx, path, j)
}

// errStale: a node is not any more what its row was when it was taken.
var errStale = errors.New("changed since it was queued")

// dropped decides what becomes of a job that came to no end: nothing when the node
// was changed meanwhile, it comes again; a failure when it is the node's own.
func (w *nodeWorker) dropped(ctx context.Context, path pathOf, j job, cause error) error {
	if errors.Is(cause, errStale) {
		return nil
	}
	p, own := problemOf(cause)
	if !own && !errors.Is(cause, errChanged) {
		return cause
	}
	if _, err := w.unchanged(ctx, j.node); err != nil {
		if errors.Is(err, errStale) {
			return nil
		}
		return err
	}
	if !own {
		p = state.Problem{Op: "read", Reason: "its staging file is shorter than the file"}
	}
	if w.events.Failure != nil {
		w.events.Failure(path(), p)
	}
	// Who sees that it rests finds the reason.
	if err := w.journal.SetUploadFailure(ctx, j.node.Ino, p.Op+": "+p.Reason, time.Now().UnixNano()); err != nil {
		return err
	}
	w.resting.failed(j.node.Ino)
	return nil
}

// problemOf tells an error that is the node's own.
func problemOf(err error) (state.Problem, bool) {
	var failed *entryError
	var format *clfs.FormatError
	var panicked *rescue.Panic
	switch {
	case errors.As(err, &panicked):
		return state.Problem{Op: "upload", Reason: err.Error()}, true
	case errors.As(err, &failed):
		return failed.Problem, true
	case errors.Is(err, blob.ErrNotFound), errors.As(err, &format), errors.Is(err, errDamaged), errors.Is(err, tree.ErrDamaged):
		return state.Problem{Op: "read back", Reason: err.Error()}, true
	}
	return state.Problem{}, false
}

// unchanged returns the row of a node as it is now, or errStale when its contents,
// its place or what its blobs are called is not what it was. Attributes may differ:
// then it comes again.
func (w *nodeWorker) unchanged(ctx context.Context, n state.Node) (state.Node, error) {
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
func (w *nodeWorker) early(ctx context.Context, j job) error {
	f, err := w.nodes.OpenStaged(j.node.Ino)
	if err != nil {
		return entryProblem("open", err)
	}
	defer f.Close()
	offset, length := state.BlockRange(j.block)
	c := w.nodeContents(f, j.node)
	c.size = offset + length // the file may be longer than its row says
	g, err := w.putSegment(ctx, c, j.block-1, 0)
	if err != nil {
		return err
	}
	w.moved.now.Store(0)
	w.addBlock(j.node, j.block, true, g, func() { w.releaseJob(j) })
	return nil
}

func (w *nodeWorker) nodeContents(f StagedFile, n state.Node) contents {
	return contents{file: f, id: n.ID, size: n.Attr.Size, ctime: ctimeSeconds(n.Attr), generation: n.Next}
}

// addBlock hands a block that was put to the recorder.
func (w *nodeWorker) addBlock(n state.Node, block uint64, early bool, g *grant, landed func()) {
	b := &state.BlockOutcome{Ino: n.Ino, Index: block, Gen: n.Next, Cseq: n.Cseq, Early: early}
	w.recorder.add(event{node: &nodeOutcome{block: b}, grants: []*grant{g}, landed: landed})
}

// upload does what a queued node needs.
func (w *nodeWorker) upload(ctx context.Context, path pathOf, j job) error {
	n := j.node
	switch {
	case n.PutPub != 0 && n.ContentsCurrent():
		return w.rewrite(ctx, path, j)
	case n.Attr.Type == clfs.TypeRegular:
		// Its contents may all be in the container nevertheless: when it was moved
		// to another directory while its inode was put.
		return w.file(ctx, path, j)
	}
	return w.seal(ctx, path, j, clfs.Inode{Direct: []clfs.ID{n.ID}, Data: n.Target}, nil)
}

// rewrite puts an inode again of which only the attributes or the names have
// changed. The next publication does that for one that is published, or that waits
// for it with new contents.
func (w *nodeWorker) rewrite(ctx context.Context, path pathOf, j job) error {
	n := j.node
	if w.journal.InReach(&n) || n.ImageGen != 0 {
		w.finish(j, &state.Upload{Node: n}, nil, nil)
		return nil
	}
	o, err := w.putInodeOf(ctx, n)
	if err != nil {
		return err
	}
	return w.complete(ctx, path, j, *o, nil, false)
}

// seal completes a node whose contents are all in the container but for the inode
// itself, in which the caller has set Direct, Roots and Data.
func (w *nodeWorker) seal(ctx context.Context, path pathOf, j job, o clfs.Inode, grants []*grant) error {
	o.FirstSegmentSize, o.SegmentSize = clfs.FirstSegmentBytes, clfs.SegmentBytes
	return w.complete(ctx, path, j, o, grants, true)
}

// complete puts the inode of a node, or hands it to the journal for the next
// publication when the node is published. The grants, if any, have room for it.
func (w *nodeWorker) complete(ctx context.Context, path pathOf, j job, o clfs.Inode, grants []*grant, sealed bool) error {
	back, err := w.backPointers(ctx, j.node)
	if err != nil {
		releaseAll(grants)
		return err
	}
	w.stamp(&o, path, j.node, back)
	w.payload = o.Append(w.payload[:0])
	w.packed = clfs.Pack(w.packed[:0], w.payload, w.journal.Settings.Compression)
	if len(grants) == 0 {
		g, err := w.budget.acquire(ctx, int64(max(len(w.packed), len(w.payload))))
		if err != nil {
			return err
		}
		grants = []*grant{g}
	}
	if err := w.gate.enter(ctx); err != nil {
		releaseAll(grants)
		return err
	}
	up, err := w.putUnlessPublished(ctx, j.node, back[0], sealed)
	if err != nil {
		w.gate.leave()
		releaseAll(grants)
		return err
	}
	w.finish(j, up, grants, w.gate.leave)
	return nil
}

// putUnlessPublished decides and puts, inside the gate.
//
// New contents of a node that has a blob are put by a publication alone, even if none
// has led to the node yet. A put that is not recorded, because the process dies or the
// file changes meanwhile, leaves a blob that readers prefer to the recorded one. Should
// a publication lead there, its segments would be put again with other bytes.
func (w *nodeWorker) putUnlessPublished(ctx context.Context, n state.Node, owner clfs.ID, sealed bool) (*state.Upload, error) {
	if _, err := w.unchanged(ctx, n); err != nil {
		return nil, err
	}
	up := &state.Upload{Node: n, Sealed: sealed}
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
		return up, w.putInReach(ctx, name, w.packed)
	}
	return up, w.put(ctx, name, w.packed)
}

// finish hands the outcome of a job to the recorder. leave, if any, is called when
// it is committed.
func (w *nodeWorker) finish(j job, up *state.Upload, grants []*grant, leave func()) {
	w.moved.now.Store(0)
	if up.Sealed && j.node.Attr.Type == clfs.TypeRegular {
		w.stats.Moved.Add(min(j.node.Attr.Size, clfs.FirstSegmentBytes))
	}
	w.stats.Inodes.Add(1)
	w.recorder.add(event{node: &nodeOutcome{upload: up}, grants: grants, landed: func() {
		if leave != nil {
			leave()
		}
		w.resting.forget(j.node.Ino)
		w.releaseJob(j)
	}})
}

// backPointers are the directories of a node, that of its first name first: its
// blob is named after that one. It may have lost that name since it was read.
func (w *nodeWorker) backPointers(ctx context.Context, n state.Node) ([]clfs.ID, error) {
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

// stamp gives an inode the attributes, the name and the links of a node. What the
// journal knows nothing of stays.
func (e *Engine) stamp(o *clfs.Inode, path pathOf, n state.Node, back []clfs.ID) {
	before := o.Attr
	o.Attr = e.attr(path, n.Inode, n.Attr)
	o.Attr.Flags, o.Attr.Dtime, o.Attr.Reserved3, o.Attr.Reserved92 = before.Flags, before.Dtime, before.Reserved3, before.Reserved92
	if n.Flags&state.Adopted != 0 {
		o.Attr.FSID, o.Attr.FileID, o.Attr.ContainerID = before.FSID, before.FileID, before.ContainerID
	}
	o.Attr.Nlink = uint32(len(back))
	o.Name, o.BackPointers = n.Name, back
}
