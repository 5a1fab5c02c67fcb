package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/dustin/go-humanize"
	"golang.org/x/sync/errgroup"

	"clfsload/state"
	"clfsload/sync/engine"
	"clfsload/sync/scan"
)

// run transfers what is left, publishes it and tells what was done.
func (l *load) run(ctx context.Context, ui *console) error {
	if l.journal.Phase() == state.PhaseComplete {
		return l.tellComplete(ui)
	}
	if l.flags.retryErrors && l.journal.Totals().Failures > 0 {
		if err := l.journal.RetryFailures(ctx); err != nil {
			return err
		}
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	l.failed = l.failureCounter(ui, stop)
	e, err := l.newEngine(engine.Events{
		Failure: l.failed,
		Warning: func(path, text string) { ui.log.Warn(text, "path", path) },
	})
	if err != nil {
		return err
	}
	began := time.Now()
	err = l.transferAndPublish(ctx, ui, e)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx) // whatever error it has led to
	}
	l.summarize(ui, e, time.Since(began), err)
	return l.outcome(err)
}

// tellComplete answers a run that finds nothing to do.
func (l *load) tellComplete(ui *console) error {
	fmt.Fprintf(ui.out, "already complete: %s holds %s\n", l.target, l.journal.Settings.Source)
	return l.outcome(nil)
}

// failureCounter logs failed entries, and stops the run at --max-errors.
func (l *load) failureCounter(ui *console, stop context.CancelCauseFunc) func(string, state.Problem) {
	var count atomic.Int64
	return func(path string, p state.Problem) {
		ui.log.Error("entry failed", "path", path, "op", p.Op, "reason", p.Reason)
		if n := count.Add(1); l.flags.maxErrors > 0 && n == int64(l.flags.maxErrors) {
			stop(tooManyError(n))
		}
	}
}

// tooManyError stops a run in which --max-errors entries failed.
type tooManyError int64

func (e tooManyError) Error() string {
	return fmt.Sprintf("stopped after %d failed entries (--max-errors)", int64(e))
}

// transferAndPublish shows progress meanwhile.
func (l *load) transferAndPublish(ctx context.Context, ui *console, e *engine.Engine) error {
	var listed atomic.Bool
	before := l.journal.Totals()
	look := func() sample { return l.look(e, before, listed.Load()) }
	showing, stopShowing := context.WithCancel(ctx)
	var display errgroup.Group
	display.Go(func() error {
		ui.showProgress(showing, look)
		return nil
	})
	err := l.transfer(ctx, e, &listed)
	if err == nil {
		err = e.Publish(ctx, l.flags.publishIncomplete)
	}
	stopShowing()
	return errors.Join(err, display.Wait())
}

func (l *load) look(e *engine.Engine, before state.Totals, listed bool) sample {
	t, s := l.journal.Totals(), e.Stats()
	return sample{
		at:       time.Now(),
		done:     int64(before.DoneInodes) + s.Inodes.Load(),
		found:    int64(t.FoundInodes),
		bytes:    int64(before.DoneBytes) + s.Read.Load(),
		total:    int64(t.FoundBytes),
		failures: int64(t.Failures),
		listed:   listed,
	}
}

func (l *load) scanOptions() scan.Options {
	return scan.Options{Workers: scanWorkers, Filter: l.filter, Failed: l.failed}
}

// transfer lists the source and uploads what is found at the same time.
func (l *load) transfer(ctx context.Context, e *engine.Engine, listed *atomic.Bool) error {
	g, ctx := errgroup.WithContext(ctx)
	produced := make(chan struct{})
	g.Go(func() error {
		if err := scan.NewScanner(l.tree, l.journal, l.scanOptions()).Run(ctx); err != nil {
			return err
		}
		listed.Store(true)
		close(produced)
		return nil
	})
	g.Go(func() error { return e.Transfer(ctx, produced) })
	return g.Wait()
}

// outcome says how to go on where the error does not speak for itself. A run that
// published without failed entries is not a success.
func (l *load) outcome(err error) error {
	const again = "run the same command again without --new to go on"
	var stopped interruptedError
	var tooMany tooManyError
	var source *scan.SourceError
	switch {
	case err == nil:
		if n := l.journal.Totals().Failures; n > 0 {
			return withExit(exitIncomplete, fmt.Errorf("published without %s failed entries", humanize.Comma(int64(n))), "")
		}
		return nil
	case errors.As(err, &stopped):
		code, _ := classify(stopped)
		return withExit(code, stopped, again)
	case errors.As(err, &tooMany):
		return withExit(exitIncomplete, tooMany, "mend what is wrong, or raise --max-errors, then "+again)
	case errors.Is(err, engine.ErrIncomplete):
		return withExit(exitIncomplete, errors.New("nothing was published, because some entries failed"),
			"mend them, then "+again+", or add --publish-incomplete to publish without them")
	case errors.As(err, &source):
		return withExit(exitSource, err, again)
	}
	return err
}

func (l *load) summarize(ui *console, e *engine.Engine, took time.Duration, err error) {
	t, s := l.journal.Totals(), e.Stats()
	word := "loaded"
	if err != nil {
		word = "stopped after"
	}
	fmt.Fprintf(ui.out, "%s %s of %s objects (%s of %s) in %s\n", word,
		humanize.Comma(int64(t.DoneInodes)), humanize.Comma(int64(t.FoundInodes)),
		ibytes(int64(t.DoneBytes)), ibytes(int64(t.FoundBytes)), took.Round(time.Millisecond))
	seconds := took.Seconds()
	fmt.Fprintf(ui.out, "this run: %s blobs, %s sent, %s objects/s, %s/s\n",
		humanize.Comma(s.Blobs.Load()), ibytes(s.Sent.Load()),
		humanize.Comma(int64(float64(s.Inodes.Load())/seconds)), ibytes(int64(float64(s.Read.Load())/seconds)))
	if t.Failures > 0 {
		l.listFailures(ui, t.Failures)
	}
	if err == nil {
		fmt.Fprintf(ui.out, "published: %s can be attached\n", l.target)
	}
}

// shownFailures are listed in the summary; the journal has them all.
const shownFailures = 20

var errEnough = errors.New("enough")

func (l *load) listFailures(ui *console, n uint64) {
	fmt.Fprintf(ui.out, "%s entries failed:\n", humanize.Comma(int64(n)))
	shown := uint64(0)
	err := l.journal.EachFailure(context.Background(), func(f state.Failure) error {
		fmt.Fprintf(ui.out, "  %q: %s: %s\n", f.Path, f.Op, f.Reason)
		if shown++; shown == shownFailures {
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		ui.log.Error("list failures", "error", err)
	}
	if n > shown {
		fmt.Fprintf(ui.out, "  and %s more\n", humanize.Comma(int64(n-shown)))
	}
}
