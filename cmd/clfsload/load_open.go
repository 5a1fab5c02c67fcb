package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"clfsload/state"
	"clfsload/sync/adopt"
	"clfsload/sync/blob/limit"
	"clfsload/sync/engine"
	"clfsload/sync/metrics"
	"clfsload/sync/outcome"
	"clfsload/sync/progress"
	"clfsload/sync/random"
	"clfsload/sync/scan"
	"clfsload/sync/scan/filter"
	"clfsload/sync/site"
	"clfsload/sync/target"
)

// load is a transfer that is ready to run.
type load struct {
	flags   loadFlags
	log     *slog.Logger
	tree    *scan.Tree
	target  *target.Target
	journal *state.Journal
	filter  filter.Filter
	limiter *limit.Limiter
	reader  *adopt.Reader // with --into: of what the container has
	merge   mergeCounts   // likewise: what became of the entries
	metrics net.Listener  // nil: none
	undo    target.Undo   // of what a refused load has made

	// Of the run that goes on.
	failed     func(path string, p state.Problem) // is told of each entry that failed
	engine     *engine.Engine
	began      time.Time
	before     state.Totals // when it began
	meter      progress.Meter
	listed     atomic.Bool // all of the source is in the journal
	publishing atomic.Bool
}

func (l *load) close(ctx context.Context) error {
	var err error
	metrics.CloseListener(l.metrics)
	if l.target != nil {
		err = l.target.Close(ctx)
	}
	if l.journal != nil {
		l.journal.Close()
	}
	if l.tree != nil {
		l.tree.Close()
	}
	return err
}

// openLoad checks everything that can be checked before anything is changed.
func openLoad(cmd *cobra.Command, args []string, f loadFlags, log *slog.Logger) (*load, error) {
	if err := f.check(); err != nil {
		return nil, usageError(cmd, err)
	}
	if err := f.fitOpenFiles(log); err != nil {
		return nil, err
	}
	spec, stateDir, source, err := placesOf(cmd, args)
	if err != nil {
		return nil, err
	}
	l := &load{flags: f, log: log, limiter: limit.New(int64(f.bandwidth.limit))}
	if l.filter, err = f.filter.compile(); err != nil {
		return nil, usageError(cmd, err)
	}
	if err := l.open(cmd, stateDir, source, spec); err != nil {
		return nil, errors.Join(err, l.undo.Run(cmd.Context()), l.close(cmd.Context()))
	}
	l.undo.Keep()
	return l, nil
}

func (l *load) open(cmd *cobra.Command, stateDir, source string, spec target.Spec) error {
	var err error
	if l.metrics, err = metrics.Listen(l.flags.metrics.address); err != nil {
		return err
	}
	if l.tree, err = scan.OpenTree(source); err != nil {
		return outcome.New(outcome.Source, fmt.Errorf("open source: %w", err), "SOURCE must be a directory that you can read")
	}
	if l.target, err = target.Open(spec, l.flags.target, l.flags.retry.Access(l.flags.concurrency, l.log)); err != nil {
		return err
	}
	if l.flags.isNew && l.flags.into.path == "" {
		return l.create(cmd.Context(), stateDir, source)
	}
	if l.flags.isNew {
		err = l.adopt(cmd.Context(), stateDir, source)
	} else {
		err = l.resume(cmd, stateDir, source)
	}
	if err != nil {
		return err
	}
	if spec.Dir != "" {
		warnOfSharing(spec.Dir, l.log)
	}
	if err := l.claim(cmd.Context()); err != nil {
		return err
	}
	return l.beginInto(cmd.Context(), source)
}

// placesOf returns what the arguments STATE SOURCE TARGET name, if they are apart.
func placesOf(cmd *cobra.Command, args []string) (spec target.Spec, stateDir, source string, err error) {
	if spec, err = target.ParseSpec(args[2:]); err != nil {
		return spec, "", "", usageError(cmd, err)
	}
	if stateDir, source, err = resolvePaths(args[0], args[1]); err != nil {
		return spec, "", "", err
	}
	return spec, stateDir, source, checkOverlap(spec, stateDir, source)
}

// resolvePaths makes both paths absolute and refuses a state directory inside of
// the source or around it: it would be loaded, or hide what is loaded.
func resolvePaths(stateArg, sourceArg string) (stateDir, source string, err error) {
	if stateArg == "" || sourceArg == "" {
		// Of a shell's variable that is not set; it would mean the working directory.
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

// checkOverlap refuses a container directory inside of the source or the state
// directory, or around one of them.
func checkOverlap(s target.Spec, stateDir, source string) error {
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

// create begins a new transfer. What can be checked before anything is made is checked
// first.
func (l *load) create(ctx context.Context, stateDir, source string) error {
	if err := checkNewState(stateDir); err != nil {
		return err
	}
	missing, err := l.target.Fit(ctx, l.flags.createContainer)
	if err != nil {
		return err
	}
	root, err := l.tree.Attr()
	if err != nil {
		return outcome.New(outcome.Source, err, "")
	}
	settings, err := newSettings(l.flags, source, l.target.String())
	if err != nil {
		return err
	}
	if l.journal, err = state.Create(stateDir, settings, root); err != nil {
		return stateError(err)
	}
	l.undo.Add(l.removeState)
	if missing {
		if err := l.target.Make(ctx, &l.undo); err != nil {
			return err
		}
	}
	return l.beginNew(ctx)
}

// checkNewState refuses a STATE that cannot be made.
func checkNewState(stateDir string) error {
	if _, err := os.Lstat(stateDir); err == nil {
		return outcome.New(outcome.State, fmt.Errorf("state directory %s already exists", stateDir),
			"to go on with its transfer leave out --new; for a new one choose another STATE")
	}
	if _, err := os.Stat(filepath.Dir(stateDir)); err != nil {
		return outcome.New(outcome.State, fmt.Errorf("make state directory: %w", err), "make the directory that it is to be in")
	}
	return nil
}

func (l *load) removeState(context.Context) error {
	err := l.journal.Remove()
	l.journal = nil
	return err
}

// beginNew makes the container the journal's.
func (l *load) beginNew(ctx context.Context) error {
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
	// Another new load may have put its bucket object over ours before the lease
	// was ours.
	return e.Begin(ctx)
}

const stateAccess = "the account you run as must be able to write to STATE, and with --new to the directory that it is to be in"

// stateError tells what to do where the system does not let us have the journal.
func stateError(err error) error {
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
		return outcome.New(outcome.State, err, stateAccess)
	}
	return err
}

// begin makes sure that the container is the journal's.
func (l *load) begin(ctx context.Context) error {
	e, err := l.newEngine(engine.Events{})
	if err != nil {
		return err
	}
	return e.Begin(ctx)
}

// resume opens the journal of a transfer that was begun before.
func (l *load) resume(cmd *cobra.Command, stateDir, source string) error {
	found, err := state.Exists(stateDir)
	if err != nil {
		return outcome.New(outcome.State, fmt.Errorf("open state: %w", err), stateAccess)
	}
	if !found {
		return outcome.New(outcome.State, fmt.Errorf("there is no transfer in state directory %s", stateDir),
			"to begin one pass --new")
	}
	if l.journal, err = state.Open(stateDir); err != nil {
		return stateError(err)
	}
	if err := closeState(stateDir, l.log); err != nil {
		return err
	}
	if err := l.fitState(cmd, source); err != nil {
		return err
	}
	if l.journal.Phase() == state.PhaseNew { // killed before the container was made
		err = l.target.Ensure(cmd.Context(), l.flags.createContainer)
	} else {
		err = l.target.Check(cmd.Context())
	}
	if err != nil {
		return err
	}
	return l.begin(cmd.Context())
}

// fitState refuses a command line that does not fit the journal. A load that goes on keeps its filters.
func (l *load) fitState(cmd *cobra.Command, source string) (err error) {
	s := &l.journal.Settings
	if l.flags.into.path != "" && !l.isUnderWay() {
		return l.compareContainer(cmd)
	}
	if l.filter, err = filter.New(s.Include, s.Exclude); err != nil {
		return outcome.New(outcome.Journal, err, "")
	}
	return compareSettings(cmd, *s, l.flags, source, l.target.String())
}

// compareSettings refuses a command line that does not fit the journal. Flags
// that are not given take the journal's value.
func compareSettings(cmd *cobra.Command, s state.Settings, f loadFlags, source, target string) error {
	if s.Kind == state.KindMount {
		return outcome.New(outcome.State, errors.New("this STATE is that of a mount"), "choose another STATE for the load, or say with --into where SOURCE is to go")
	}
	if s.Adopted && s.Merge.Into == "" {
		return outcome.New(outcome.State, errors.New("the load of this STATE goes into a container that is there, and was not begun yet"), "say with --into where SOURCE is to go")
	}
	hint := "pass the same value, or begin a new transfer with another STATE and an empty container"
	if s.Merge.Into != "" {
		hint = "pass the same value; when the load is complete, another one may begin with this STATE"
	}
	given := func(flag string) bool { return cmd.Flags().Changed(flag) }
	compression, err := parseCompression(f.compression)
	if err != nil {
		return err
	}
	for _, c := range []struct {
		name      string
		differs   bool
		was, asks any
	}{
		{"SOURCE", s.Source != source, s.Source, source},
		{"--into", s.Merge.Into != f.into.path, orNone(s.Merge.Into), orNone(f.into.path)},
		{"TARGET", s.Target != target, s.Target, target},
		{"--compression", given("compression") && s.Compression != compression, compressionName(s.Compression), f.compression},
		{"--preserve-hardlinks", given("preserve-hardlinks") && s.PreserveHardlinks != f.preserveHardlinks, s.PreserveHardlinks, f.preserveHardlinks},
		{"--include", given("include") && !slices.Equal(s.Include, f.filter.include), s.Include, f.filter.include},
		{"--exclude", given("exclude") && !slices.Equal(s.Exclude, f.filter.exclude), s.Exclude, f.filter.exclude},
		{"--dirmgr-count", given("dirmgr-count") && s.DirMgrCount != f.dirMgrCount, s.DirMgrCount, f.dirMgrCount},
	} {
		if c.differs {
			return outcome.New(outcome.State, fmt.Errorf("the transfer in this STATE was begun with %s %v, not %v", c.name, c.was, c.asks),
				hint)
		}
	}
	return nil
}

// newEngine returns an engine for this transfer.
func (l *load) newEngine(ev engine.Events) (*engine.Engine, error) {
	container := limit.Wrap(l.target.Container, l.limiter)
	o := engine.Options{Concurrency: l.flags.concurrency, Memory: int64(l.flags.memory), StateName: stateName(l.journal.Dir())}
	if l.flags.into.path != "" {
		o.Tree = newTree(container, l.flags.concurrency)
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

// newSettings draws what is random in a container.
func newSettings(f loadFlags, source, target string) (state.Settings, error) {
	compression, err := parseCompression(f.compression)
	if err != nil {
		return state.Settings{}, err
	}
	s := state.Settings{
		Source:            source,
		Target:            target,
		Compression:       compression,
		PreserveHardlinks: f.preserveHardlinks,
		DirMgrCount:       f.dirMgrCount,
		Include:           f.filter.include,
		Exclude:           f.filter.exclude,
		ContainerID:       random.ID(),
		FSID:              random.ID(),
		RootName:          rootName(source),
		BucketUUID:        random.UUID(),
		MassUUID:          random.UUID(),
		WipeUUID:          random.UUID(),
	}
	s.Key = random.Key()
	return s, nil
}

// rootName is the NAME of the root, docs/clfs-format.md section 3.
func rootName(source string) string {
	if source == "/" {
		return ""
	}
	return filepath.Base(source)
}
