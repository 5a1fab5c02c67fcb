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
		fmt.Fprintf(ui.out, "already complete: %s holds %s\n", l.target, l.journal.Settings.Source)
		return nil
	}
	if l.journal.Totals().Failures > 0 {
		if err := l.journal.RetryFailures(ctx); err != nil {
			return err
		}
	}
	e, err := l.newEngine(engine.Events{
		Failure: func(path string, p state.Problem) {
			ui.log.Error("entry failed", "path", path, "op", p.Op, "reason", p.Reason)
		},
		Warning: func(path, text string) { ui.log.Warn(text, "path", path) },
	})
	if err != nil {
		return err
	}
	began := time.Now()
	err = l.transferAndPublish(ctx, ui, e)
	l.summarize(ui, e, time.Since(began), err)
	return explainStop(err)
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
		err = e.Publish(ctx)
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

// transfer lists the source and uploads what is found at the same time.
func (l *load) transfer(ctx context.Context, e *engine.Engine, listed *atomic.Bool) error {
	g, ctx := errgroup.WithContext(ctx)
	produced := make(chan struct{})
	g.Go(func() error {
		if err := scan.NewScanner(l.tree, l.journal, scanWorkers).Run(ctx); err != nil {
			return err
		}
		listed.Store(true)
		close(produced)
		return nil
	})
	g.Go(func() error { return e.Transfer(ctx, produced) })
	return g.Wait()
}

// explainStop says how to go on where the error does not speak for itself.
func explainStop(err error) error {
	const again = "run the same command again without --new to go on"
	var stopped interruptedError
	var source *scan.SourceError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &stopped):
		code, _ := classify(stopped)
		return withExit(code, stopped, again)
	case errors.Is(err, engine.ErrIncomplete):
		return withExit(exitIncomplete, errors.New("nothing was published, because some entries failed"),
			"mend them, then "+again)
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
