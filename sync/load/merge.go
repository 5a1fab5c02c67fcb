package load

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/dustin/go-humanize"
	"golang.org/x/sync/errgroup"

	"clfsload/clfs"
	"clfsload/state"
	"clfsload/sync/adopt"
	"clfsload/sync/engine"
	"clfsload/sync/engine/publish"
	"clfsload/sync/outcome"
	"clfsload/sync/scan"
	"clfsload/sync/statedir"
	"clfsload/sync/tree"
)

func orNone(path string) string { return cmp.Or(path, "(none)") }

// isUnderWay reports whether the journal has a load that is not complete.
func (l *Load) isUnderWay() bool {
	return l.journal.Settings.Kind != state.KindMount && l.journal.Phase() != state.PhaseComplete
}

// adopt creates the journal of a new STATE for an existing container. Nothing is written to the
// container before its lease is taken.
func (l *Load) adopt(ctx context.Context) error {
	if err := statedir.CheckNew(l.options.StateDir); err != nil {
		return err
	}
	if err := l.target.Check(ctx); err != nil {
		return err
	}
	if err := l.adoptAt(ctx, l.options.StateDir); err != nil {
		return err
	}
	if err := l.target.Probe(ctx); err != nil {
		return err
	}
	l.undo.Add(l.target.Release)
	return nil
}

// adoptAt creates a journal for the container.
func (l *Load) adoptAt(ctx context.Context, stateDir string) error {
	found, err := adopt.Inspect(ctx, adopt.NewTree(l.target.Container, l.options.Concurrency), l.options.Detached)
	if errors.Is(err, tree.ErrNoContainer) {
		return outcome.New(outcome.Damaged, err, "a load without --into needs an empty container")
	}
	if err != nil {
		return err
	}
	settings, err := found.Settings(newSettings(&l.options, l.target.String()))
	if err != nil {
		return outcome.New(outcome.State, err, "")
	}
	if l.journal, err = state.Adopt(stateDir, settings, found.Adoption()); err != nil {
		return statedir.Explain(err)
	}
	l.undo.Add(l.removeState)
	if mark := found.Bucket.Mark; mark != nil && mark.Open != "" {
		l.log.Warn("the container was left open by another STATE: its unpublished changes are not here", "state", mark.State, "publication", mark.Publication)
	}
	return nil
}

// compareContainer refuses a STATE without an unfinished load if it belongs to another container,
// or if it has changes of a mount that are not uploaded.
func (l *Load) compareContainer() error {
	s, o := &l.journal.Settings, &l.options
	switch {
	case s.Target != l.target.String():
		return outcome.New(outcome.State, fmt.Errorf("this STATE belongs to TARGET %s, not %s", s.Target, l.target), "pass the same TARGET, or another STATE")
	case o.Given("compression") && s.Compression != o.Compression:
		return outcome.New(outcome.State, fmt.Errorf("this STATE was begun with --compression %s, not %s", s.Compression, o.Compression), "leave --compression out")
	case o.Given("dirmgr-count") && s.DirMgrCount != o.DirMgrCount:
		return outcome.New(outcome.State, fmt.Errorf("this STATE was begun with --dirmgr-count %d, not %d", s.DirMgrCount, o.DirMgrCount), "leave --dirmgr-count out")
	}
	if s.Kind != state.KindMount {
		return nil
	}
	if c := l.journal.Counts(); c.Dirty+c.Queued+c.Failed > 0 {
		return outcome.New(outcome.State, fmt.Errorf("the mount of this STATE has %s files that are not uploaded", humanize.Comma(int64(c.Dirty+c.Queued+c.Failed))),
			"mount it again, and 'clfsload unmount' it when 'clfsload status' shows that all is uploaded")
	}
	return nil
}

// beginInto begins a load into the container. An unfinished load continues with the flags of this
// command.
func (l *Load) beginInto(ctx context.Context) error {
	if l.options.Merge.Into == "" {
		return nil
	}
	if l.isUnderWay() {
		err := l.journal.ChangeMerge(ctx, l.options.Merge)
		if errors.Is(err, state.ErrTakenBack) {
			return outcome.New(outcome.State, err, "pass --update or --delete as before; to start again, use --new and another STATE")
		}
		return err
	}
	e, err := l.newEngine(engine.Events{})
	if err != nil {
		return err
	}
	if err := e.Begin(ctx); err != nil { // it may have changed before its lease was taken
		return err
	}
	if l.journal.Settings.Kind == state.KindMount {
		_, rebooted := statedir.BootID(l.journal.Dir())
		noStaged := func(state.Ino) (size, mtime int64, ok bool) { return 0, 0, false } // no file is dirty
		if _, err := l.journal.Recover(ctx, rebooted, noStaged); err != nil {
			return err
		}
		if err := l.publishWaiting(ctx, e); err != nil {
			return err
		}
	}
	return l.startMerge(ctx)
}

// publishWaiting publishes the uploads of a mount: entries that a load replaces must be reachable,
// so that they remain if the load fails.
func (l *Load) publishWaiting(ctx context.Context, e *engine.Engine) error {
	changed, err := l.isChanged(ctx)
	if err != nil || !changed {
		return err
	}
	if err := e.Open(ctx); err != nil {
		return err
	}
	_, err = e.PublishMount(ctx)
	return err
}

// startMerge turns the journal into that of a load from source.
func (l *Load) startMerge(ctx context.Context) error {
	root, err := l.tree.Attr()
	if err != nil {
		return outcome.New(outcome.Source, err, "")
	}
	s := l.journal.Settings
	s.Source, s.PreserveHardlinks, s.Include, s.Exclude = l.options.Source, l.options.PreserveHardlinks, l.options.Include, l.options.Exclude
	s.Merge = l.options.Merge
	for {
		err := l.journal.BeginLoad(ctx, s, root, newDirectory())
		var unread *state.Unread
		switch {
		case errors.As(err, &unread):
			if err := l.reader.Read(ctx, *unread); err != nil {
				return err
			}
		case errors.Is(err, state.ErrNotDirectory):
			return outcome.New(outcome.Usage, err, "PATH must be a directory of the container, or an unused name in one")
		default:
			return err
		}
	}
}

// newDirectory has the attributes of a directory created by this process.
func newDirectory() state.Attr {
	now := time.Now().UnixNano()
	return state.Attr{Type: clfs.TypeDirectory, Mode: clfs.TypeDirectory.ModeBits() | 0o755, UID: uint32(os.Geteuid()), GID: uint32(os.Getegid()),
		Mtime: now, Ctime: now, Atime: now}
}

// isChanged reports whether the namespace has unpublished changes.
func (l *Load) isChanged(ctx context.Context) (bool, error) {
	c := l.journal.Counts()
	if c.Held+c.Dirty+c.Queued+c.Sealed+c.Linking+c.Failed > 0 {
		return true, nil
	}
	tidy, err := l.journal.Tidy(ctx)
	return !tidy, err
}

// transferInto is transfer for a load into an existing container. It writes to the container only
// after the first change is found. changed: there was one.
func (l *Load) transferInto(ctx context.Context, e *engine.Engine) (changed bool, err error) {
	g, ctx := errgroup.WithContext(ctx)
	produced := make(chan struct{})
	g.Go(func() error { return l.scan(ctx, produced) })
	g.Go(func() (err error) {
		if changed, err = l.awaitChange(ctx, produced); err != nil || !changed {
			return err
		}
		if err := e.Open(ctx); err != nil {
			return err
		}
		return e.Upload(ctx, treeSource{l.tree, &l.journal.Settings}, produced)
	})
	err = g.Wait()
	return changed, err
}

// awaitChange waits until a change is found, or the scan is complete.
func (l *Load) awaitChange(ctx context.Context, produced <-chan struct{}) (bool, error) {
	for {
		more := l.journal.Changed()
		if changed, err := l.isChanged(ctx); changed || err != nil {
			return changed, err
		}
		select {
		case <-more:
		case <-produced:
			return l.isChanged(ctx)
		case <-ctx.Done():
			return false, context.Cause(ctx)
		}
	}
}

// runInto scans, uploads and publishes, if there is anything to change.
func (l *Load) runInto(ctx context.Context, e *engine.Engine) error {
	changed, err := l.transferInto(ctx, e)
	if err != nil {
		return err
	}
	if changed {
		return l.publish(ctx, e)
	}
	if l.journal.Totals().Failures > 0 && !l.options.PublishIncomplete {
		return publish.ErrIncomplete
	}
	if err := e.Close(ctx); err != nil { // a run that was cut off after its publication has not done it
		return err
	}
	return l.journal.SetPhase(ctx, state.PhaseComplete)
}

// mergeCounts counts the outcomes of the entries in a run.
type mergeCounts struct {
	mu     sync.Mutex
	values Outcomes
}

// Outcomes are entries, but for Same, which counts no directories.
type Outcomes struct {
	Added    int64 `json:"added"`
	Replaced int64 `json:"replaced"`
	Changed  int64 `json:"changed"` // only their attributes
	Removed  int64 `json:"removed"`
	Same     int64 `json:"same"`
}

func (c *mergeCounts) get() Outcomes {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.values
}

func (c *mergeCounts) count(_ string, e *state.Entry, m state.Merged) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch m.Outcome {
	case state.Added:
		c.values.Added++
	case state.Replaced:
		c.values.Replaced++
	case state.Changed:
		c.values.Changed++
	case state.Kept:
		if e.Attr.Type != clfs.TypeDirectory {
			c.values.Same++
		}
	}
}

func (c *mergeCounts) countRemoved(string, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.values.Removed++
}

func (v Outcomes) String() string {
	n := humanize.Comma
	return fmt.Sprintf("%s added, %s replaced, %s with other attributes, %s removed, %s the same", n(v.Added), n(v.Replaced), n(v.Changed), n(v.Removed), n(v.Same))
}

// mergeOptions are the scanner's settings for a load into a container; nil: it is not such a load.
func (l *Load) mergeOptions() *scan.Merge {
	if l.options.Merge.Into == "" {
		return nil
	}
	return &scan.Merge{Namespace: l.reader, Merged: l.merge.count, Removed: l.merge.countRemoved,
		NothingRemoved: func() {
			l.log.Warn("nothing is removed from the container, because some entries of SOURCE failed")
		}}
}
