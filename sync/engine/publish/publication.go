package publish

import (
	"context"
	"sync"

	"clfsload/rescue"
	"clfsload/state"
	"clfsload/sync/engine/blobs"
	"clfsload/sync/engine/record"
)

// publication is a publication under way.
type publication struct {
	*Publisher
	last   bool  // of a load
	logs   []Log // then: are put before the root
	snap   *state.Snapshot
	rec    *record.Recorder
	mu     sync.Mutex
	report Report
}

// run puts everything. What a phase has put is recorded before the next one: that may take
// away what only the one before has put elsewhere.
func (p *publication) run(ctx context.Context) error {
	p.report.Seq = p.snap.Seq()
	if err := p.listBehind(ctx); err != nil {
		return err
	}
	return p.rec.During(ctx, func(ctx context.Context) error {
		for _, phase := range Phases {
			if phase == ChangedDirectories && p.hasLogs() { // the root comes then, or later
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
func (p *publication) hasLogs() bool { return p.last && p.Journal.Settings.Merge.Into == "" }

// phase makes the steps of a phase, many at a time.
func (p *publication) phase(ctx context.Context, phase Phase) error {
	if err := rescue.EachRead(ctx, p.Concurrency, Steps(ctx, p.snap, phase), p.step); err != nil {
		return err
	}
	if err := p.rec.Drain(ctx); err != nil {
		return err
	}
	switch phase {
	case NewDirectories:
		return p.Journal.ReachNew(ctx)
	case ChangedDirectories:
		// No power cut may bring back the version of a directory's first put once its second one,
		// which has a higher version, may be there: readers would not see what is put as that.
		return p.Journal.Sync(ctx)
	}
	return nil
}

func (p *publication) step(ctx context.Context, s Step) error {
	if s.Node.IsDirectory() {
		return p.directory(ctx, s)
	}
	return p.node(ctx, s.Node)
}

func (p *publication) add(put *state.Put) {
	p.Inodes.Add(1)
	p.rec.Add(record.Event{Put: put})
}

// pathOf is the path of a node as of the snapshot.
func (p *publication) pathOf(ctx context.Context, n state.Node) blobs.PathFunc {
	return blobs.LazyPath(n.Ino, func() (string, error) { return p.snap.Path(context.WithoutCancel(ctx), n) })
}
