package load

import (
	"context"
	"fmt"
	"sync"
	"time"

	"clfsload/state"
	"clfsload/sync/outcome"
	"clfsload/sync/progress"
	"clfsload/sync/report"
	"clfsload/sync/scan"
	"clfsload/sync/tree/scratch"
)

// Survey is the output of --dry-run --json. Sizes are in bytes.
type Survey struct {
	Version           string           `json:"version"`
	Source            string           `json:"source"`
	Seconds           float64          `json:"seconds"`
	Entries           int64            `json:"entries"`
	Types             map[string]int64 `json:"types"`
	Objects           int64            `json:"objects"`
	Bytes             int64            `json:"bytes"`
	LargestDirectory  largestValue     `json:"largest_directory"` // size: entries
	LargestFile       largestValue     `json:"largest_file"`
	HardLinkGroups    int64            `json:"hard_link_groups"`
	HardLinkedNames   int64            `json:"hard_linked_names"`
	Blobs             int64            `json:"blobs"`
	Segments          int64            `json:"segments"`
	DirectorySegments int64            `json:"directory_segments"`
	IndirectBlocks    int64            `json:"indirect_blocks"`
	JournalBytes      int64            `json:"journal_bytes"`
	Unreadable        int64            `json:"unreadable"`
	Failures          []Failure        `json:"problems"` // the first of them
}

type largestValue struct {
	report.Path
	Size int64 `json:"size"`
}

// listedFailures is how many failures a dry run lists at its end; it logs all of them.
const listedFailures = 1000

// dryRun surveys a source.
type dryRun struct {
	options  Options
	surveyor *scan.Surveyor

	mu       sync.Mutex
	failures []Failure
}

// Look reports what a load of the source would transfer, without touching STATE or TARGET.
func Look(ctx context.Context, o Options, show progress.Display) (r Survey, err error) {
	t, err := scan.OpenTree(o.Source)
	if err != nil {
		return r, outcome.New(outcome.Source, fmt.Errorf("open source: %w", err), "SOURCE must be a directory that you can read")
	}
	defer t.Close()
	db, err := scratch.Open("")
	if err != nil {
		return r, err
	}
	defer db.Close()
	d := &dryRun{options: o}
	d.surveyor, err = scan.NewSurveyor(t, scan.Options{Workers: o.ScanWorkers, Filter: o.Filter, Failed: d.failed}, o.PreserveHardlinks, db)
	if err != nil {
		return r, err
	}
	return d.run(ctx, show)
}

func (d *dryRun) failed(path string, p state.Failure) {
	d.options.Log.Error("entry cannot be read", "path", path, "op", p.Op, "reason", p.Reason)
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.failures) < listedFailures {
		d.failures = append(d.failures, Failure{report.NewPath(path), p.Op, errnoNames()[p.Reason], p.Reason})
	}
}

func (d *dryRun) run(ctx context.Context, show progress.Display) (Survey, error) {
	began := time.Now()
	stop := show.During(ctx, &progress.Meter{}, func() progress.Sample {
		s := d.surveyor.Survey()
		n := s.Entries()
		return progress.Sample{At: time.Now(), Done: n, Found: n, Bytes: s.Bytes, Total: s.Bytes, Moved: s.Bytes, Failures: s.Unreadable}
	})
	err := d.surveyor.Run(ctx)
	stop()
	if err != nil {
		return Survey{}, err
	}
	s := d.surveyor.Survey()
	r := Survey{Version: d.options.Version, Source: d.options.Source, Seconds: time.Since(began).Seconds(),
		Entries: s.Entries(), Types: map[string]int64{}, Objects: s.Objects, Bytes: s.Bytes,
		LargestDirectory: largestValue{report.NewPath(s.LargestDirectory.Path), s.LargestDirectory.Size},
		LargestFile:      largestValue{report.NewPath(s.LargestFile.Path), s.LargestFile.Size},
		HardLinkGroups:   s.LinkGroups, HardLinkedNames: s.LinkedNames,
		Blobs: s.Blobs(), Segments: s.Segments, DirectorySegments: s.DirectorySegments, IndirectBlocks: s.IndirectBlocks,
		JournalBytes: s.JournalBytes, Unreadable: s.Unreadable, Failures: append([]Failure{}, d.failures...)}
	for t, n := range s.Names {
		r.Types[t.String()] = n
	}
	return r, nil
}
