package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"clfsload/clfs"
	"clfsload/rescue"
	"clfsload/state"
	"clfsload/sync/blob"
	"clfsload/sync/engine/publish"
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

// behindPage is how many rows are read at a time.
const behindPage = 512

// maxBehind bounds the entries that a report names.
const maxBehind = 1000

// publisher makes publications, one after the other.
type publisher struct {
	journal     *state.Journal
	container   blob.Container
	store       *store
	bucket      *bucketObject
	collector   *collector
	gate        gate
	budget      *budget
	newRecorder func() *recorder
	inodes      *atomic.Int64 // counts the inodes that are put
	live        bool          // the namespace is that of a mount
	concurrency int           // steps at a time
}

// ErrLeftover: a publication is complete, but not everything that it replaced, or that
// was removed before it, could be deleted. Collect and the next publication do that.
var ErrLeftover = errors.New("blobs that are no longer needed are not deleted")

// mount makes what is uploaded of a mount what the root leads to, as of one
// moment, and deletes what that replaces. Files that are open, or not uploaded yet,
// are published as they were last closed and uploaded; new ones are left out. With
// ErrLeftover comes the report of a publication that is complete.
//
// At every instant the container has a whole namespace: docs/design.md, "How a publication
// goes". If it fails or the process dies, the next publication, of any moment, completes it.
func (p *publisher) mount(ctx context.Context) (PublishReport, error) {
	return p.publish(ctx, &publication{publisher: p})
}

func (p *publisher) publish(ctx context.Context, now *publication) (PublishReport, error) {
	if err := p.collector.lock(ctx); err != nil {
		return PublishReport{}, err
	}
	defer p.collector.unlock()
	b, err := p.bucket.read(ctx)
	if err == nil {
		err = p.bucket.checkRoot(ctx)
	}
	if err != nil {
		return PublishReport{}, err
	}
	// A name that a publication before this one has left must not be put again
	// while it is garbage.
	if err := p.collector.collect(ctx); err != nil {
		return PublishReport{}, err
	}
	if err := p.putAll(ctx, now, b); err != nil {
		return PublishReport{}, err
	}
	if err := p.journal.EndPublish(ctx, now.report.Seq); err != nil {
		return PublishReport{}, fmt.Errorf("end publication: %w", err)
	}
	if err := p.collector.collect(ctx); err != nil {
		return now.report, fmt.Errorf("%w: %w", ErrLeftover, err)
	}
	return now.report, nil
}

// putAll begins a publication, and puts its mark and all that it consists of.
func (p *publisher) putAll(ctx context.Context, now *publication, b clfs.Bucket) error {
	known, err := p.journal.Mark(ctx)
	if err != nil {
		return err
	}
	now.rec = p.newRecorder()
	err = p.gate.closed(ctx, func() (err error) {
		now.snap, err = p.journal.BeginPublish(ctx, !p.live)
		return err
	})
	if err != nil {
		return fmt.Errorf("begin publication: %w", err)
	}
	err = p.bucket.mark(ctx, b, known, now.snap.Publication())
	if err == nil {
		err = now.run(ctx)
	}
	if err = errors.Join(err, now.snap.Close()); err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	return nil
}

// publication is a publication under way.
type publication struct {
	*publisher
	last   bool  // of a load
	logs   []Log // then: are put before the root
	snap   *state.Snapshot
	rec    *recorder
	mu     sync.Mutex
	report PublishReport
}

// run puts everything. What a phase has put is recorded before the next one: that may take
// away what only the one before has put elsewhere.
func (p *publication) run(ctx context.Context) error {
	p.report.Seq = p.snap.Seq()
	if err := p.listBehind(ctx); err != nil {
		return err
	}
	return p.rec.during(ctx, func(ctx context.Context) error {
		for _, phase := range publish.Phases {
			if phase == publish.ChangedDirectories && p.hasLogs() { // the root comes then, or later
				if err := p.putLogs(ctx, p.logs); err != nil {
					return err
				}
			}
			if err := p.phase(ctx, phase); err != nil {
				return err
			}
		}
		return nil
	})
}

// hasLogs reports whether the logs in the container are those of the load that is published.
// Another one keeps those of the load that has made the container.
func (p *publication) hasLogs() bool { return p.last && p.journal.Settings.Merge.Into == "" }

// phase makes the steps of a phase, many at a time.
func (p *publication) phase(ctx context.Context, phase publish.Phase) error {
	if err := rescue.EachRead(ctx, p.concurrency, publish.Steps(ctx, p.snap, phase), p.step); err != nil {
		return err
	}
	if err := p.rec.drain(ctx); err != nil {
		return err
	}
	switch phase {
	case publish.NewDirectories:
		return p.journal.ReachNew(ctx)
	case publish.ChangedDirectories:
		// No power cut may bring back the version of a directory's first put once its second one,
		// which has a higher version, may be there: readers would not see what is put as that.
		return p.journal.Sync(ctx)
	}
	return nil
}

func (p *publication) step(ctx context.Context, s publish.Step) error {
	if s.Node.IsDirectory() {
		return p.directory(ctx, s)
	}
	return p.node(ctx, s.Node)
}

// node puts a new version of an inode that has been put before.
func (p *publication) node(ctx context.Context, n state.Node) error {
	path := p.pathOf(ctx, n)
	o, err := p.base(ctx, n)
	if problem, own := failureOf(err); own {
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
	p.store.stamp(o, path, n, back)
	if !n.ContentsCurrent() {
		// Those that are put are older than the row.
		o.Attr.Size, o.Attr.Used, o.Attr.Mtime, o.Attr.Ctime = contents.Size, contents.Used, contents.Mtime, contents.Ctime
	}
	packed := clfs.Pack(nil, o.Append(nil), p.journal.Settings.Compression)
	if err := p.store.putInReach(ctx, clfs.ObjectName(n.ID, back[0], n.Attr.Type, n.Version), packed); err != nil {
		return fmt.Errorf("put %q: %w", path(), err)
	}
	p.add(&state.Put{Node: n, Owner: back[0].Hash()})
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
		return p.store.storedInode(ctx, n)
	}
	return decodeImage(n, image)
}

func (p *publication) add(put *state.Put) {
	p.inodes.Add(1)
	p.rec.add(event{put: put})
}

// listBehind reports what is not uploaded in its present form.
func (p *publication) listBehind(ctx context.Context) error {
	var after state.Ino
	for {
		page, err := p.snap.Unpublished(ctx, after, behindPage)
		if err != nil {
			return err
		}
		for _, n := range page {
			path := ""
			if len(p.report.Behind) < maxBehind {
				path = p.pathOf(ctx, n)()
			}
			p.behind(Behind{Path: path, Node: n, KeptOld: n.PutPub != 0})
		}
		if len(page) < behindPage {
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

// pathOf is the path of a node as of the snapshot.
func (p *publication) pathOf(ctx context.Context, n state.Node) pathFunc {
	return lazyPath(n.Ino, func() (string, error) { return p.snap.Path(context.WithoutCancel(ctx), n) })
}
