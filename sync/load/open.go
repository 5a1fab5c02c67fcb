package load

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"clfsload/clfs/object"
	"clfsload/state"
	"clfsload/sync/adopt"
	"clfsload/sync/blob"
	"clfsload/sync/blob/limit"
	"clfsload/sync/engine"
	"clfsload/sync/metrics"
	"clfsload/sync/outcome"
	"clfsload/sync/progress"
	"clfsload/sync/random"
	"clfsload/sync/scan"
	"clfsload/sync/scan/filter"
	"clfsload/sync/site"
	"clfsload/sync/statedir"
	"clfsload/sync/target"
)

// Load is a transfer that is ready to run.
type Load struct {
	options Options
	log     *slog.Logger
	tree    *scan.Tree
	target  *target.Target
	journal *state.Journal
	limiter *limit.Limiter
	reader  *adopt.Reader // with --into: the tree of the container
	merge   mergeCounts   // with --into: the outcomes of the entries
	metrics net.Listener  // nil: none
	logFile io.Closer     // in STATE; nil: the load was refused
	undo    target.Undo   // created by this load; removed if it is refused

	// Of the current run.
	failed func(path string, p state.Failure) // receives each failed entry
	engine *engine.Engine                     // nil: there was nothing to run
	began  time.Time
	ended  time.Time
	// alreadyComplete: there was nothing to run, because an earlier run has ended the load.
	alreadyComplete bool
	stopped         bool         // the run did not complete
	before          state.Totals // when it began
	meter           progress.Meter
	listed          atomic.Bool // the whole source is in the journal
	publishing      atomic.Bool
}

// Close releases the container and the journal. Container and Failures must not be used after it.
func (l *Load) Close(ctx context.Context) error {
	var err error
	if l.logFile != nil {
		l.options.LogTo(nil)
		err = l.logFile.Close()
	}
	metrics.CloseListener(l.metrics)
	if l.target != nil {
		err = errors.Join(err, l.target.Close(ctx))
	}
	if l.journal != nil {
		err = errors.Join(err, l.journal.Close())
	}
	if l.tree != nil {
		_ = l.tree.Close()
	}
	return err
}

// Container is what the load writes to.
func (l *Load) Container() blob.Container { return l.target.Container }

// Open checks everything that it can check before any change, then takes the lease of the
// container. Later messages are logged in STATE, too.
func Open(ctx context.Context, o Options) (*Load, error) {
	l := &Load{options: o, log: o.Log, limiter: limit.New(o.Bandwidth)}
	if err := l.open(ctx); err != nil {
		return nil, errors.Join(err, l.undo.Run(ctx), l.Close(ctx))
	}
	l.undo.Keep()
	file := statedir.NewLog(l.journal.Dir())
	l.logFile = file
	o.LogTo(file)
	return l, nil
}

func (l *Load) open(ctx context.Context) error {
	var err error
	if l.metrics, err = metrics.Listen(l.options.MetricsAddress); err != nil {
		return err
	}
	if l.tree, err = scan.OpenTree(l.options.Source); err != nil {
		return outcome.New(outcome.Source, fmt.Errorf("open source: %w", err), "SOURCE must be a directory that you can read")
	}
	if l.target, err = target.Open(l.options.Target, l.options.Sources, l.options.Patience.Access(l.options.Concurrency, l.log)); err != nil {
		return err
	}
	if l.options.IsNew && l.options.Merge.Into == "" {
		return l.create(ctx)
	}
	if l.options.IsNew {
		err = l.adopt(ctx)
	} else {
		err = l.resume(ctx)
	}
	if err != nil {
		return err
	}
	if dir := l.options.Target.Dir; dir != "" {
		statedir.WarnOfSharing(dir, l.log)
	}
	if err := l.claim(ctx); err != nil {
		return err
	}
	return l.beginInto(ctx)
}

// ResolvePaths makes both paths absolute. It refuses a state directory inside of the source, which
// would be loaded, or around it, which would hide the source.
func ResolvePaths(stateArg, sourceArg string) (stateDir, source string, err error) {
	if stateArg == "" || sourceArg == "" {
		// An unset variable of a shell; it would mean the working directory.
		return "", "", outcome.New(outcome.Usage, errors.New("STATE or SOURCE is empty"), "name a directory")
	}
	if source, err = filepath.Abs(sourceArg); err == nil {
		source, err = filepath.EvalSymlinks(source)
	}
	if err != nil {
		return "", "", outcome.New(outcome.Source, fmt.Errorf("open source: %w", err), "SOURCE must be an existing directory")
	}
	sourceSite, err := site.New("SOURCE", source)
	if err != nil {
		return "", "", err
	}
	stateSite, err := site.New("STATE", stateArg)
	if err != nil {
		return "", "", err
	}
	if err := cmp.Or(stateSite.ApartFrom(sourceSite), stateSite.OutOfOthers()); err != nil {
		return "", "", outcome.New(outcome.State, err, site.AnotherPlace)
	}
	return stateSite.Path, source, nil
}

// CheckOverlap refuses a container directory inside of the source or the state directory, or around
// one of them.
func CheckOverlap(s target.Spec, stateDir, source string) error {
	if s.Dir == "" {
		return nil
	}
	container, err := site.New("container", s.Dir)
	if err != nil {
		return err
	}
	for _, o := range [][2]string{{"SOURCE", source}, {"STATE", stateDir}} {
		other, err := site.New(o[0], o[1])
		if err != nil {
			return err
		}
		if err := container.ApartFrom(other); err != nil {
			return outcome.New(outcome.Usage, err, site.AnotherPlace)
		}
	}
	return outcome.New(outcome.Usage, container.OutOfOthers(), site.AnotherPlace)
}

// create begins a new transfer. Checks that need no STATE or container come first.
func (l *Load) create(ctx context.Context) error {
	if err := statedir.CheckNew(l.options.StateDir); err != nil {
		return err
	}
	missing, err := l.target.Fit(ctx, l.options.CreateContainer)
	if err != nil {
		return err
	}
	root, err := l.tree.Attr()
	if err != nil {
		return outcome.New(outcome.Source, err, "")
	}
	settings := newSettings(&l.options, l.target.String())
	if l.journal, err = state.Create(l.options.StateDir, settings, root); err != nil {
		return statedir.Explain(err)
	}
	l.undo.Add(l.removeState)
	if missing {
		if err := l.target.Make(ctx, &l.undo); err != nil {
			return err
		}
	}
	return l.beginNew(ctx)
}

func (l *Load) removeState(context.Context) error {
	err := l.journal.Remove()
	l.journal = nil
	return err
}

// beginNew puts the journal's mark into the container.
func (l *Load) beginNew(ctx context.Context) error {
	e, err := l.newEngine(engine.Events{})
	if err != nil {
		return err
	}
	l.undo.Add(e.Abandon)
	if err := e.Begin(ctx); err != nil {
		return err
	}
	l.undo.Add(l.target.Release)
	if err := l.claim(ctx); err != nil {
		return err
	}
	// Another new load may have overwritten our bucket object before this one got the lease.
	return e.Begin(ctx)
}

// begin checks that the container belongs to the journal.
func (l *Load) begin(ctx context.Context) error {
	e, err := l.newEngine(engine.Events{})
	if err != nil {
		return err
	}
	return e.Begin(ctx)
}

// resume opens the journal of an earlier transfer.
func (l *Load) resume(ctx context.Context) error {
	stateDir := l.options.StateDir
	found, err := state.Exists(stateDir)
	if err != nil {
		return outcome.New(outcome.State, fmt.Errorf("open state: %w", err), statedir.Access)
	}
	if !found {
		return outcome.New(outcome.State, fmt.Errorf("there is no transfer in state directory %s", stateDir),
			"to begin one, pass --new")
	}
	if l.journal, err = state.Open(stateDir); err != nil {
		return statedir.Explain(err)
	}
	if err := statedir.Close(stateDir, l.log); err != nil {
		return err
	}
	if err := l.fitState(); err != nil {
		return err
	}
	if l.journal.Phase() == state.PhaseNew { // killed before the container was created
		err = l.target.Ensure(ctx, l.options.CreateContainer)
	} else {
		err = l.target.Check(ctx)
	}
	if err != nil {
		return err
	}
	return l.begin(ctx)
}

// fitState refuses a command line that does not match the journal. A resumed load keeps its
// filters.
func (l *Load) fitState() (err error) {
	s := &l.journal.Settings
	if l.options.Merge.Into != "" && !l.isUnderWay() {
		return l.compareContainer()
	}
	if l.options.Filter, err = filter.New(s.Include, s.Exclude); err != nil {
		return outcome.New(outcome.Journal, err, "")
	}
	return l.compareSettings()
}

// compareSettings refuses a command line that does not match the journal. Flags that are not given
// take the journal's value.
func (l *Load) compareSettings() error {
	s, o := &l.journal.Settings, &l.options
	if s.Kind == state.KindMount {
		return outcome.New(outcome.State, errors.New("this STATE belongs to a mount"), "choose another STATE for the load, or name a destination for SOURCE with --into")
	}
	if s.Adopted && s.Merge.Into == "" {
		return outcome.New(outcome.State, errors.New("the load of this STATE goes into an existing container, and has not begun yet"), "name a destination for SOURCE with --into")
	}
	hint := "pass the same value, or begin a new transfer with another STATE and an empty container"
	if s.Merge.Into != "" {
		hint = "pass the same value; after this load, another one may begin with this STATE"
	}
	for _, c := range []struct {
		name      string
		differs   bool
		was, asks any
	}{
		{"SOURCE", s.Source != o.Source, s.Source, o.Source},
		{"--into", s.Merge.Into != o.Merge.Into, orNone(s.Merge.Into), orNone(o.Merge.Into)},
		{"TARGET", s.Target != l.target.String(), s.Target, l.target},
		{"--compression", o.Given("compression") && s.Compression != o.Compression, s.Compression, o.Compression},
		{"--preserve-hardlinks", o.Given("preserve-hardlinks") && s.PreserveHardlinks != o.PreserveHardlinks, s.PreserveHardlinks, o.PreserveHardlinks},
		{"--include", o.Given("include") && !slices.Equal(s.Include, o.Include), s.Include, o.Include},
		{"--exclude", o.Given("exclude") && !slices.Equal(s.Exclude, o.Exclude), s.Exclude, o.Exclude},
		{"--dirmgr-count", o.Given("dirmgr-count") && s.DirMgrCount != o.DirMgrCount, s.DirMgrCount, o.DirMgrCount},
	} {
		if c.differs {
			return outcome.New(outcome.State, fmt.Errorf("the transfer in this STATE was begun with %s %v, not %v", c.name, c.was, c.asks),
				hint)
		}
	}
	return nil
}

// newEngine returns an engine for this transfer.
func (l *Load) newEngine(ev engine.Events) (*engine.Engine, error) {
	container := limit.Wrap(l.target.Container, l.limiter)
	o := engine.Options{Concurrency: l.options.Concurrency, Memory: l.options.Memory, StateName: statedir.Name(l.journal.Dir())}
	if l.options.Merge.Into != "" {
		o.Tree = adopt.NewTree(container, l.options.Concurrency)
		l.reader = adopt.New(l.journal, o.Tree, l.log)
	}
	return engine.New(l.journal, container, o, ev)
}

// treeSource lets the engine read a scanned tree.
type treeSource struct {
	tree     *scan.Tree
	settings *state.Settings
}

func (s treeSource) Open(_ state.Node, path string) (engine.File, error) {
	f, err := s.tree.Open(s.settings.SourcePath(path))
	if err != nil {
		return nil, err
	}
	return f, nil
}

// newSettings are the settings for the journal of a new transfer.
func newSettings(o *Options, target string) state.Settings {
	s := state.Settings{
		Source:            o.Source,
		Target:            target,
		Compression:       o.Compression,
		PreserveHardlinks: o.PreserveHardlinks,
		DirMgrCount:       o.DirMgrCount,
		Include:           o.Include,
		Exclude:           o.Exclude,
		RootName:          object.RootName(o.Source),
	}
	random.Draw(&s)
	return s
}
