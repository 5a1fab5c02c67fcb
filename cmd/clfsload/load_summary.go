package main

import (
	"fmt"
	"path/filepath"
	"time"

	"github.com/dustin/go-humanize"

	"clfsload/cmd/clfsload/terminal"
	"clfsload/sync/load"
	"clfsload/sync/report"
)

// printLoad prints the result of a run.
func printLoad(ui *terminal.Console, l *load.Load) {
	r := l.Report(nil)
	if r.AlreadyComplete {
		fmt.Fprintf(ui.Out, "already complete: %s holds %s\n", r.Settings.Target, r.Settings.Source)
		return
	}
	if !r.Ran {
		return
	}
	word := "loaded"
	if r.Stopped {
		word = "stopped after"
	}
	t, run := &r.Totals, &r.ThisRun
	fmt.Fprintf(ui.Out, "%s %s of %s objects (%s of %s) in %s\n", word,
		humanize.Comma(int64(t.ObjectsDone)), humanize.Comma(int64(t.ObjectsFound)),
		report.Size(int64(t.BytesDone)), report.Size(int64(t.BytesFound)), r.Ended.Sub(r.Began).Round(time.Millisecond))
	if run.Entries != nil {
		fmt.Fprintf(ui.Out, "into %s: %s\n", r.Settings.Into, run.Entries)
	}
	fmt.Fprintf(ui.Out, "this run: %s blobs, %s sent, %s objects/s, %s/s\n",
		humanize.Comma(run.Blobs), report.Size(run.BytesSent), humanize.Comma(int64(run.ObjectsPerSecond)), report.Size(int64(max(0, run.BytesPerSecond))))
	if t.Failures > 0 {
		printFailures(ui, l, r)
	}
	if !r.Stopped && run.Blobs == 0 {
		fmt.Fprintf(ui.Out, "unchanged: %s\n", r.Settings.Target)
	} else if !r.Stopped {
		fmt.Fprintf(ui.Out, "published: %s can be attached\n", r.Settings.Target)
	}
}

func printFailures(ui *terminal.Console, l *load.Load, r load.Report) {
	n := int64(r.Totals.Failures)
	fmt.Fprintf(ui.Out, "%s failed:\n", report.Count(n, "entry", "entries"))
	list, err := l.Failures(report.Shown)
	if err != nil {
		ui.Log.Error("list failures", "error", err)
	}
	for _, f := range list {
		fmt.Fprintf(ui.Out, "  %s: %s: %s\n", report.Quote(f.Path), f.Op, f.Reason)
	}
	if more := n - int64(len(list)); more > 0 {
		fmt.Fprintf(ui.Out, "  and %s more\n", humanize.Comma(more))
	}
	fmt.Fprintf(ui.Out, "all of them: %s\n", filepath.Join(r.Settings.State, load.FailuresText))
}
