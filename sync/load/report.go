package load

import (
	"bufio"
	"context"
	"errors"
	"path/filepath"
	"time"

	"clfsload/state"
	"clfsload/sync/durable"
	"clfsload/sync/outcome"
	"clfsload/sync/report"
)

// ReportName is the file in STATE with the report of the last run.
const ReportName = "report.json"

// Report is the report of a run, stored in STATE. Sizes are in bytes; it contains no secrets.
type Report struct {
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

	Ran             bool `json:"-"` // false: the run ended before it began to transfer
	AlreadyComplete bool `json:"-"` // before this run, which had nothing to do
	Stopped         bool `json:"-"` // before the publication was complete
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
	// Entries counts the entries of a load into a container, by their outcome.
	Entries *Outcomes `json:"entries,omitempty"`
}

// WriteReport writes the report and the lists of failed entries into STATE, unless there was
// nothing to run. The command ends with err. If a file cannot be written, that is logged.
func (l *Load) WriteReport(err error) {
	if l.engine == nil {
		return
	}
	if err := writeFailures(context.Background(), l.journal); err != nil {
		l.log.Error("list the failures", "error", err)
	}
	r := l.Report(err)
	l.options.File.Info("run ended", "exit_code", r.ExitCode, "seconds", int64(r.Seconds), "phase", r.Phase,
		"objects_done", r.Totals.ObjectsDone, "failures", r.Totals.Failures, "error", r.Error)
	path := filepath.Join(l.journal.Dir(), ReportName)
	if err := durable.Replace(path, func(w *bufio.Writer) error { return report.WriteJSON(w, r) }); err != nil {
		l.log.Error("write the report", "error", err)
	}
}

// Report returns what the load has done, when its run has ended. The command ends with err.
func (l *Load) Report(err error) Report {
	r := Report{Version: l.options.Version, Began: l.began, Ended: l.ended, Seconds: l.ended.Sub(l.began).Seconds(),
		Phase: l.phase(), Settings: l.reportSettings(), AlreadyComplete: l.alreadyComplete, Stopped: l.stopped}
	if l.engine != nil {
		r.Ran, r.ThisRun = true, l.reportRun()
	}
	if err != nil {
		r.ExitCode, _ = outcome.Classify(err)
		r.Error = outcome.OneLine(err)
	}
	t := l.journal.Totals()
	r.Totals = reportTotals{t.FoundEntries, t.FoundInodes, t.DoneInodes, t.FoundBytes, t.DoneBytes, t.Failures}
	return r
}

func (l *Load) reportSettings() reportSettings {
	s, o := &l.journal.Settings, &l.options
	return reportSettings{State: l.journal.Dir(), Source: s.Source, Target: s.Target, Compression: s.Compression.String(),
		PreserveHardlinks: s.PreserveHardlinks, DirMgrCount: s.DirMgrCount, Include: s.Include, Exclude: s.Exclude,
		BucketUUID: s.BucketUUID, Concurrency: o.Concurrency, Memory: o.Memory,
		BandwidthLimit: l.limiter.BytesPerSecond(), MaxErrors: o.MaxErrors, RetryErrors: o.RetryErrors,
		PublishIncomplete: o.PublishIncomplete, UploadLog: o.UploadLog,
		Into: s.Merge.Into, Update: s.Merge.Update, Delete: s.Merge.Delete}
}

func (l *Load) reportRun() reportRun {
	s, took := l.engine.Stats(), l.ended.Sub(l.began).Seconds()
	r := reportRun{Objects: s.Inodes.Load(), BytesRead: s.Read.Load(), Blobs: s.Blobs.Load(), BytesSent: s.Sent.Load()}
	r.ObjectsPerSecond, r.BytesPerSecond = float64(r.Objects)/took, float64(s.Transferred.Load())/took
	if l.options.Merge.Into != "" {
		entries := l.merge.get()
		r.Entries = &entries
	}
	return r
}

var errEnough = errors.New("enough")

// Failures returns the first entries that failed, up to limit.
func (l *Load) Failures(limit int) (list []state.FailedEntry, err error) {
	err = l.journal.EachFailure(context.Background(), func(f state.FailedEntry) error {
		if len(list) == limit {
			return errEnough
		}
		list = append(list, f)
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return list, err
}
