package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/dustin/go-humanize/english"

	"clfsload/state"
	"clfsload/sync/durable"
	"clfsload/sync/engine"
	"clfsload/sync/outcome"
	"clfsload/sync/pathtext"
)

// reportName is the report of the last run in STATE.
const reportName = "report.json"

// runReport is what a run leaves in STATE. Sizes are in bytes; nothing of it is
// secret.
type runReport struct {
	Version  string         `json:"version"`
	Began    time.Time      `json:"began"`
	Ended    time.Time      `json:"ended"`
	Seconds  float64        `json:"seconds"`
	ExitCode int            `json:"exit_code"`
	Error    string         `json:"error,omitempty"`
	Phase    string         `json:"phase"`
	Settings reportSettings `json:"settings"`
	Totals   reportTotals   `json:"totals"`   // of the transfer, all runs together
	ThisRun  reportRun      `json:"this_run"` // of the run that ended
}

type reportSettings struct {
	State             string   `json:"state"`
	Source            string   `json:"source"`
	Target            string   `json:"target"`
	Compression       string   `json:"compression"`
	PreserveHardlinks bool     `json:"preserve_hardlinks"`
	DirMgrCount       int      `json:"dirmgr_count"`
	Include           []string `json:"include,omitempty"`
	Exclude           []string `json:"exclude,omitempty"`
	BucketUUID        string   `json:"bucket_uuid"`
	Concurrency       int      `json:"concurrency"`
	Memory            int64    `json:"memory"`
	BandwidthLimit    int64    `json:"bandwidth_limit"` // at the end, a second; 0: none
	MaxErrors         int      `json:"max_errors"`
	RetryErrors       bool     `json:"retry_errors"`
	PublishIncomplete bool     `json:"publish_incomplete"`
	UploadLog         bool     `json:"upload_log"`
	Into              string   `json:"into,omitempty"`
	Update            bool     `json:"update,omitempty"`
	Delete            bool     `json:"delete,omitempty"`
}

type reportTotals struct {
	EntriesFound uint64 `json:"entries_found"`
	ObjectsFound uint64 `json:"objects_found"`
	ObjectsDone  uint64 `json:"objects_done"`
	BytesFound   uint64 `json:"bytes_found"`
	BytesDone    uint64 `json:"bytes_done"`
	Failures     uint64 `json:"failures"`
}

type reportRun struct {
	Objects          int64   `json:"objects"`
	BytesRead        int64   `json:"bytes_read"`
	Blobs            int64   `json:"blobs"`
	BytesSent        int64   `json:"bytes_sent"`
	ObjectsPerSecond float64 `json:"objects_per_second"`
	BytesPerSecond   float64 `json:"bytes_per_second"` // of file contents, as they come into the container
	// Entries are what became of the entries of a load into a container.
	Entries *mergeValues `json:"entries,omitempty"`
}

// leaveFiles writes what a run leaves in STATE beside the journal: the report and
// the problems. The run ends with err; that a file cannot be written is logged.
func (l *load) leaveFiles(ui *console, err error) {
	if l.engine == nil {
		return // nothing was run
	}
	if err := writeProblems(context.Background(), l.journal); err != nil {
		ui.log.Error("list the problems", "error", err)
	}
	r := l.report(err)
	ui.file.Info("run ended", "exit_code", r.ExitCode, "seconds", int64(r.Seconds), "phase", r.Phase,
		"objects_done", r.Totals.ObjectsDone, "failures", r.Totals.Failures, "error", r.Error)
	path := filepath.Join(l.journal.Dir(), reportName)
	if err := durable.Replace(path, func(w *bufio.Writer) error { return writeJSON(w, r) }); err != nil {
		ui.log.Error("write the report", "error", err)
	}
}

func (l *load) report(err error) runReport {
	ended := time.Now()
	r := runReport{Version: version, Began: l.began, Ended: ended, Seconds: ended.Sub(l.began).Seconds(),
		Phase: l.phase(), Settings: l.reportSettings(), ThisRun: l.reportRun(ended)}
	if err != nil {
		r.ExitCode, _ = outcome.Classify(err)
		r.Error = outcome.OneLine(err)
	}
	t := l.journal.Totals()
	r.Totals = reportTotals{t.FoundEntries, t.FoundInodes, t.DoneInodes, t.FoundBytes, t.DoneBytes, t.Failures}
	return r
}

func (l *load) reportSettings() reportSettings {
	s, f := &l.journal.Settings, &l.flags
	return reportSettings{State: l.journal.Dir(), Source: s.Source, Target: s.Target, Compression: compressionName(s.Compression),
		PreserveHardlinks: s.PreserveHardlinks, DirMgrCount: s.DirMgrCount, Include: s.Include, Exclude: s.Exclude,
		BucketUUID: s.BucketUUID, Concurrency: f.concurrency, Memory: int64(f.memory),
		BandwidthLimit: l.limiter.BytesPerSecond(), MaxErrors: f.maxErrors, RetryErrors: f.retryErrors,
		PublishIncomplete: f.publishIncomplete, UploadLog: !f.uploadLog.no,
		Into: s.Merge.Into, Update: s.Merge.Update, Delete: s.Merge.Delete}
}

func (l *load) reportRun(ended time.Time) reportRun {
	s, took := l.engine.Stats(), ended.Sub(l.began).Seconds()
	r := reportRun{Objects: s.Inodes.Load(), BytesRead: s.Read.Load(), Blobs: s.Blobs.Load(), BytesSent: s.Sent.Load()}
	r.ObjectsPerSecond, r.BytesPerSecond = float64(r.Objects)/took, float64(s.Moved.Load())/took
	if l.flags.into.path != "" {
		entries := l.merge.get()
		r.Entries = &entries
	}
	return r
}

// summarize tells a person what this run did.
func (l *load) summarize(ui *console, e *engine.Engine, err error) {
	t, s, took := l.journal.Totals(), e.Stats(), time.Since(l.began)
	word := "loaded"
	if err != nil {
		word = "stopped after"
	}
	fmt.Fprintf(ui.out, "%s %s of %s objects (%s of %s) in %s\n", word,
		humanize.Comma(int64(t.DoneInodes)), humanize.Comma(int64(t.FoundInodes)),
		ibytes(int64(t.DoneBytes)), ibytes(int64(t.FoundBytes)), took.Round(time.Millisecond))
	if l.flags.into.path != "" {
		fmt.Fprintf(ui.out, "into %s: %s\n", l.flags.into.path, l.merge.get())
	}
	seconds := took.Seconds()
	fmt.Fprintf(ui.out, "this run: %s blobs, %s sent, %s objects/s, %s/s\n",
		humanize.Comma(s.Blobs.Load()), ibytes(s.Sent.Load()),
		humanize.Comma(int64(float64(s.Inodes.Load())/seconds)), ibytes(int64(max(0, float64(s.Moved.Load())/seconds))))
	if t.Failures > 0 {
		l.listFailures(ui, t.Failures)
	}
	if err == nil && s.Blobs.Load() == 0 {
		fmt.Fprintf(ui.out, "unchanged: %s\n", l.target)
	} else if err == nil {
		fmt.Fprintf(ui.out, "published: %s can be attached\n", l.target)
	}
}

// shownFailures are listed in the summary; the journal has them all.
const shownFailures = 20

var errEnough = errors.New("enough")

func (l *load) listFailures(ui *console, n uint64) {
	fmt.Fprintf(ui.out, "%s %s failed:\n", humanize.Comma(int64(n)), english.PluralWord(int(n), "entry", "entries"))
	shown := uint64(0)
	err := l.journal.EachFailure(context.Background(), func(f state.Failure) error {
		fmt.Fprintf(ui.out, "  %s: %s: %s\n", pathtext.Quote(f.Path), f.Op, f.Reason)
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
	fmt.Fprintf(ui.out, "all of them: %s\n", filepath.Join(l.journal.Dir(), problemsText))
}
