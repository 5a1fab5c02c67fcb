package load

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/dustin/go-humanize/english"
	"golang.org/x/sync/errgroup"

	"clfsload/state"
	"clfsload/sync/control"
	"clfsload/sync/engine"
	"clfsload/sync/engine/publish"
	"clfsload/sync/metrics"
	"clfsload/sync/outcome"
	"clfsload/sync/progress"
	"clfsload/sync/scan"
)

// Run transfers the remaining entries and publishes them. It shows the progress meanwhile. If the
// lease is lost, it stops.
func (l *Load) Run(ctx context.Context, show progress.Display) error {
	return l.holding(ctx, func(ctx context.Context) error { return l.run(ctx, show) })
}

func (l *Load) run(ctx context.Context, show progress.Display) error {
	if l.journal.Phase() == state.PhaseComplete {
		l.alreadyComplete = true
		return l.outcome(nil)
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	l.failed = l.failureCounter(stop)
	e, err := l.newEngine(engine.Events{
		Failure: func(path string, p state.Failure) { l.failed(l.journal.Settings.SourcePath(path), p) },
		Warning: func(path, text string) { l.log.Warn(text, "path", l.journal.Settings.SourcePath(path)) },
	})
	if err != nil {
		return err
	}
	if err := l.retryFailed(ctx, e); err != nil {
		return err
	}
	l.start(e)
	metrics := metrics.Serve(l.metrics, func() []metrics.Metric { return l.loadMetrics(e) })
	defer metrics.Close()
	control, err := control.Serve(l.journal.Dir(), l.controlHandler(e))
	if err != nil {
		l.log.Warn("'clfsload status' and 'clfsload limit' cannot reach this load", "error", err)
	} else {
		defer control.Close()
	}
	err = l.transferAndPublish(ctx, show, e)
	l.ended = time.Now()
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx) // the error is only a consequence
	}
	l.stopped = err != nil
	return l.outcome(err)
}

// start records the starting point of this run's numbers.
func (l *Load) start(e *engine.Engine) {
	l.engine, l.began, l.before = e, time.Now(), l.journal.Totals()
	s := &l.journal.Settings
	l.options.File.Info("run begins", "version", l.options.Version, "source", s.Source, "target", s.Target, "new", l.options.IsNew,
		"objects_found", l.before.FoundInodes, "objects_done", l.before.DoneInodes)
}

// retryFailed queues the failed entries of earlier runs again.
func (l *Load) retryFailed(ctx context.Context, e *engine.Engine) error {
	if !l.options.RetryErrors || l.journal.Totals().Failures == 0 {
		return nil
	}
	if err := e.ForgetVanished(ctx); err != nil {
		return fmt.Errorf("retry failed entries: %w", err)
	}
	return l.journal.RetryFailures(ctx)
}

// failureCounter logs failed entries, and stops the run at --max-errors.
func (l *Load) failureCounter(stop context.CancelCauseFunc) func(string, state.Failure) {
	var count atomic.Int64
	return func(path string, p state.Failure) {
		l.log.Error("entry failed", "path", path, "op", p.Op, "reason", p.Reason)
		if n := count.Add(1); l.options.MaxErrors > 0 && n == int64(l.options.MaxErrors) {
			stop(tooManyError(n))
		}
	}
}

// tooManyError stops a run in which --max-errors entries failed.
type tooManyError int64

func (e tooManyError) Error() string {
	return fmt.Sprintf("stopped after %d failed entries (--max-errors)", int64(e))
}

// transferAndPublish transfers and publishes, and shows the progress.
func (l *Load) transferAndPublish(ctx context.Context, show progress.Display, e *engine.Engine) error {
	defer show.During(ctx, &l.meter, func() progress.Sample { return l.look(e) })()
	if l.options.Merge.Into != "" {
		return l.runInto(ctx, e)
	}
	return l.runNew(ctx, e)
}

// runNew scans, uploads and publishes a load that has begun with an empty container.
func (l *Load) runNew(ctx context.Context, e *engine.Engine) error {
	if err := e.Open(ctx); err != nil {
		return err
	}
	if err := l.transfer(ctx, e); err != nil {
		return err
	}
	return l.publish(ctx, e)
}

// publish writes the blobs that make the container attachable. The log is one of them: earlier
// messages are in the container, later ones are not.
func (l *Load) publish(ctx context.Context, e *engine.Engine) error {
	l.publishing.Store(true)
	t := l.journal.Totals()
	l.options.File.Info("all entries are transferred, publishing", "objects", t.DoneInodes, "bytes", t.DoneBytes, "failures", t.Failures)
	logs, err := l.logsToUpload()
	if err != nil {
		return err
	}
	return e.Publish(ctx, l.options.PublishIncomplete, logs...)
}

func (l *Load) look(e *engine.Engine) progress.Sample {
	t, s := l.journal.Totals(), e.Stats()
	return progress.Sample{
		At:              time.Now(),
		Done:            int64(l.before.DoneInodes) + s.Inodes.Load(),
		Found:           int64(t.FoundInodes),
		Bytes:           int64(l.before.DoneBytes) + s.Kept.Load() + s.Transferred.Load(),
		Moved:           s.Transferred.Load(),
		Total:           int64(t.FoundBytes),
		Failures:        int64(t.Failures),
		Listed:          l.listed.Load(),
		ExpectedObjects: l.options.ExpectedObjects,
		ExpectedBytes:   l.options.ExpectedBytes,
	}
}

func (l *Load) scanOptions() scan.Options {
	return scan.Options{Workers: l.options.ScanWorkers, Filter: l.options.Filter, Failed: l.failed, Merge: l.mergeOptions()}
}

// scan lists the source, and closes produced when all of it is in the journal.
func (l *Load) scan(ctx context.Context, produced chan<- struct{}) error {
	if err := scan.NewScanner(l.tree, l.journal, l.scanOptions()).Run(ctx); err != nil {
		return err
	}
	l.listed.Store(true)
	close(produced)
	return nil
}

// transfer lists the source and, at the same time, uploads the entries that are found.
func (l *Load) transfer(ctx context.Context, e *engine.Engine) error {
	g, ctx := errgroup.WithContext(ctx)
	produced := make(chan struct{})
	g.Go(func() error { return l.scan(ctx, produced) })
	g.Go(func() error { return e.Upload(ctx, treeSource{l.tree, &l.journal.Settings}, produced) })
	return g.Wait()
}

// orUpdate is the additional hint about failed entries for a load into a container.
func (l *Load) orUpdate() string {
	if l.options.Merge.Into == "" || l.options.Merge.Update {
		return ""
	}
	return ", or --update to replace entries that differ"
}

// outcome adds a hint how to continue, if the error has none. A run that published without failed
// entries is not a success.
func (l *Load) outcome(err error) error {
	const again = "run the same command again without --new to resume"
	var stopped outcome.Stopped
	var tooMany tooManyError
	var source *scan.SourceError
	switch {
	case err == nil:
		if n := l.journal.Totals().Failures; n > 0 {
			return outcome.New(outcome.Incomplete, fmt.Errorf("published without %s failed %s",
				humanize.Comma(int64(n)), english.PluralWord(int(n), "entry", "entries")), "")
		}
		return nil
	case errors.As(err, &stopped):
		code, _ := outcome.Classify(stopped)
		return outcome.New(code, stopped, again)
	case errors.As(err, &tooMany):
		return outcome.New(outcome.Incomplete, tooMany, "fix the causes, or raise --max-errors, then "+again+l.orUpdate())
	case errors.Is(err, publish.ErrIncomplete):
		return outcome.New(outcome.Incomplete, errors.New("nothing was published, because some entries failed"),
			"fix the causes, then "+again+", or add --publish-incomplete to publish without them"+l.orUpdate())
	case errors.As(err, &source):
		return outcome.New(outcome.Source, err, again)
	}
	return err
}
