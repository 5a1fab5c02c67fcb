package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"clfsload/clfs"
	"clfsload/state"
)

// PublishReport says what a publication did.
type PublishReport struct {
	Seq         uint64 // the changes up to this one are published, but for those below
	Directories int64  // inodes put
	Nodes       int64  // likewise, of all other types
	LeftOut     int64  // new entries that are not published yet
	KeptOld     int64  // entries that are published as they were before they were changed
	Behind      []Behind
}

// Behind is an entry that is not published as it is in the mount.
type Behind struct {
	Path    string     // below the root of the tree
	Node    state.Node // as of the moment that is published: its state and flags say why
	Problem string     // why it cannot be published though they do not; "": they do
	KeptOld bool       // it is published as it was before; otherwise it is left out
}

// maxBehind bounds the entries that a report names.
const maxBehind = 1000

// PublishMount makes what is uploaded of a mount what the root leads to, as of one
// moment, and deletes what that replaces. Files that are open, or not uploaded yet,
// are published as they were last closed and uploaded; new ones are left out. With
// ErrLeftover comes the report of a publication that is complete.
//
// At every instant the container has a whole namespace: what was published before
// stays, each entry under its old name, its new one or a stand-in, until what replaces
// it is there. The order of the puts sees to that. When it fails, or the process dies, it is to
// be repeated; a publication of another moment does as well.
func (e *Engine) PublishMount(ctx context.Context) (PublishReport, error) {
	if err := e.tidying.Acquire(ctx, 1); err != nil {
		return PublishReport{}, context.Cause(ctx)
	}
	defer e.tidying.Release(1)
	bucket, err := e.bucket(ctx)
	if err == nil {
		err = e.checkRoot(ctx)
	}
	if err != nil {
		return PublishReport{}, err
	}
	// A name that a publication before this one has left must not be put again
	// while it is garbage.
	if err := e.collect(ctx); err != nil {
		return PublishReport{}, err
	}
	known, err := e.journal.Mark(ctx)
	if err != nil {
		return PublishReport{}, err
	}
	p := &publication{Engine: e, rec: newRecorder(e), unions: map[state.Ino]state.Node{}}
	err = e.gate.closed(ctx, func() (err error) {
		p.snap, err = e.journal.BeginPublish(ctx)
		return err
	})
	if err != nil {
		return PublishReport{}, fmt.Errorf("begin publication: %w", err)
	}
	err = e.mark(ctx, bucket, known, true)
	if err == nil {
		err = p.run(ctx)
	}
	err = errors.Join(err, p.snap.Close())
	if err != nil {
		return PublishReport{}, fmt.Errorf("publish: %w", err)
	}
	if err := e.journal.EndPublish(ctx, p.report.Seq); err != nil {
		return PublishReport{}, fmt.Errorf("end publication: %w", err)
	}
	if err := e.collect(ctx); err != nil {
		return p.report, fmt.Errorf("%w: %w", ErrLeftover, err)
	}
	return p.report, nil
}

// publication is a publication under way.
type publication struct {
	*Engine
	snap    *state.Snapshot
	root    state.Node
	circles *state.Circles
	stands  []state.SnapshotChild // what the root lists for as long as it is put as a union
	rec     *recorder
	mu      sync.Mutex
	unions  map[state.Ino]state.Node // directories as they are after their first put
	report  PublishReport
}

// run puts everything. After each step what it has put is recorded: the next step
// may take away what only the one before has put elsewhere.
func (p *publication) run(ctx context.Context) (err error) {
	p.report.Seq = p.snap.Seq()
	if err := p.listBehind(ctx); err != nil {
		return err
	}
	if p.root, err = p.snap.Root(ctx); err != nil {
		return err
	}
	if err := p.park(ctx); err != nil {
		return err
	}
	return p.rec.during(ctx, func(ctx context.Context) error {
		for _, step := range p.steps() {
			if err := step(ctx); err != nil {
				return err
			}
			if err := p.rec.drain(ctx); err != nil {
				return err
			}
		}
		return nil
	})
}

func (p *publication) steps() []func(context.Context) error {
	list := []func(context.Context) error{p.all(p.snap.NewDirectories, p.newDirectory), p.journal.ReachNew,
		p.all(p.snap.ChangedNodes, p.node)}
	if p.isParked() {
		list = append(list, p.parkedRoot, p.partDirectories)
	}
	list = append(list, p.all(p.snap.ChangedDirectories, p.gainingDirectory), p.all(p.snap.ChangedDirectories, p.losingDirectory))
	switch {
	case p.isParked():
		return append(list, p.partedDirectories, p.unparkedRoot)
	case p.root.PutSeq == 0:
		return append(list, p.firstRoot)
	}
	return list
}

// firstRoot puts the root for the first time: nothing is reachable until it is.
func (p *publication) firstRoot(ctx context.Context) error {
	if err := p.journal.AnnounceRoot(ctx); err != nil {
		return err
	}
	return p.directory(ctx, p.root, whole)
}

// all is a step that puts all nodes of a list.
func (p *publication) all(list func(context.Context, state.Ino, int) ([]state.Node, error),
	put func(context.Context, state.Node) error) func(context.Context) error {
	return func(ctx context.Context) error { return p.each(ctx, list, put) }
}

// each puts all nodes of a list, many at a time.
func (p *publication) each(ctx context.Context, list func(context.Context, state.Ino, int) ([]state.Node, error),
	put func(context.Context, state.Node) error) error {
	var after state.Ino
	for {
		page, err := list(ctx, after, feedPage)
		if err != nil {
			return err
		}
		if err := p.putAll(ctx, page, put); err != nil || len(page) < feedPage {
			return err
		}
		after = page[len(page)-1].Ino
	}
}

// newDirectory puts a directory that nothing published leads to.
func (p *publication) newDirectory(ctx context.Context, n state.Node) error {
	if p.circles.Members[n.Ino] {
		return p.directory(ctx, n, parted)
	}
	return p.directory(ctx, n, whole)
}

// gainingDirectory puts a directory with the entries that it has got, and leaves
// those in it that have moved to another directory, which may not have them yet.
func (p *publication) gainingDirectory(ctx context.Context, n state.Node) error {
	switch {
	case p.isUnion(n):
		return nil
	case n.Flags&state.Lost == 0:
		return p.directory(ctx, n, whole)
	case n.Flags&state.Gained != 0:
		return p.directory(ctx, n, union)
	}
	return nil
}

// losingDirectory puts a directory without the entries that have moved elsewhere.
func (p *publication) losingDirectory(ctx context.Context, n state.Node) error {
	if n.Flags&state.Lost == 0 || n.Ino == state.RootIno && p.isParked() {
		return nil
	}
	p.mu.Lock()
	if again, ok := p.unions[n.Ino]; ok {
		n = again
		delete(p.unions, n.Ino)
	}
	p.mu.Unlock()
	return p.directory(ctx, n, whole)
}

func (p *publication) isUnion(n state.Node) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, ok := p.unions[n.Ino]
	return ok
}

// node puts a new version of an inode that has been put before.
func (p *publication) node(ctx context.Context, n state.Node) error {
	path := p.pathOf(ctx, n)
	o, err := p.base(ctx, n)
	if problem, own := problemOf(err); own {
		p.behind(Behind{path(), n, problem.Op + ": " + problem.Reason, true})
		return nil
	}
	if err != nil {
		return fmt.Errorf("read back %q: %w", path(), err)
	}
	back, err := p.snap.BackPointers(ctx, n)
	if err != nil {
		return err
	}
	contents := o.Attr
	p.stamp(o, path, n, back)
	if !n.ContentsCurrent() {
		// Those that are put are older than the row.
		o.Attr.Size, o.Attr.Used, o.Attr.Mtime, o.Attr.Ctime = contents.Size, contents.Used, contents.Mtime, contents.Ctime
	}
	packed := clfs.Pack(nil, o.Append(nil), p.journal.Settings.Compression)
	if err := p.putInReach(ctx, clfs.ObjectName(n.ID, back[0], n.Attr.Type, n.Version), packed); err != nil {
		return fmt.Errorf("put %q: %w", path(), err)
	}
	p.add(&state.Put{Node: n, Owner: back[0].Hash(), Blocks: n.Mapped, Final: true, Complete: true})
	atomic.AddInt64(&p.report.Nodes, 1)
	return nil
}

// base returns the inode that the journal has kept for this publication, or the
// one that is in the container.
func (p *publication) base(ctx context.Context, n state.Node) (*clfs.Inode, error) {
	image, err := p.snap.Image(ctx, n.Ino)
	if err != nil {
		return nil, err
	}
	if image == nil {
		return p.putInodeOf(ctx, n)
	}
	return decodeImage(n, image)
}

func (p *publication) add(put *state.Put) {
	p.stats.Inodes.Add(1)
	p.rec.add(event{node: &nodeOutcome{put: put}})
}

// listBehind reports what is not uploaded in its present form.
func (p *publication) listBehind(ctx context.Context) error {
	var after state.Ino
	for {
		page, err := p.snap.Unpublished(ctx, after, feedPage)
		if err != nil {
			return err
		}
		for _, n := range page {
			path := ""
			if len(p.report.Behind) < maxBehind {
				path = p.pathOf(ctx, n)()
			}
			p.behind(Behind{Path: path, Node: n, KeptOld: n.PutSeq != 0})
		}
		if len(page) < feedPage {
			return nil
		}
		after = page[len(page)-1].Ino
	}
}

func (p *publication) behind(b Behind) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if b.KeptOld {
		p.report.KeptOld++
	} else {
		p.report.LeftOut++
	}
	if len(p.report.Behind) < maxBehind {
		p.report.Behind = append(p.report.Behind, b)
	}
}
