package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"clfsload/clfs"
	"clfsload/state"
	"clfsload/sync/outcome"
	"clfsload/sync/pathtext"
	"clfsload/sync/progress"
	"clfsload/sync/scan"
	"clfsload/sync/tree/scratch"
)

// dryRunFlags are about what a load would do.
type dryRunFlags struct {
	only  bool
	json  bool
	gb    float64 // 10^9 bytes
	count int64
}

func (f *dryRunFlags) register(fl *pflag.FlagSet) {
	fl.BoolVar(&f.only, "dry-run", false, "list SOURCE, tell what a load would transfer, and touch neither STATE nor TARGET")
	fl.BoolVar(&f.json, "json", false, "with --dry-run: print one JSON object; sizes are in bytes")
	fl.Float64Var(&f.gb, "dry-run-gb", 0, "what a dry run has found, in GB (10^9 bytes): the time left is told before SOURCE is listed")
	fl.Int64Var(&f.count, "dry-run-count", 0, "what a dry run has found, in entries: likewise")
}

func (f *dryRunFlags) check() error {
	switch {
	case f.gb < 0 || f.gb > 1e9:
		return fmt.Errorf("--dry-run-gb %g: it must be between 0 and 10^9", f.gb)
	case f.count < 0:
		return fmt.Errorf("--dry-run-count %d: it must not be negative", f.count)
	case f.json && !f.only:
		return fmt.Errorf("--json goes with --dry-run; a load leaves %s in STATE", reportName)
	}
	return nil
}

// dryRunReport is what --dry-run --json prints. Sizes are in bytes.
type dryRunReport struct {
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
	Problems          []problemValue   `json:"problems"` // the first of them
}

type largestValue struct {
	pathtext.Value
	Size int64 `json:"size"`
}

// listedProblems of a dry run are kept for its end; all of them are logged.
const listedProblems = 1000

// dryRun surveys a source.
type dryRun struct {
	ui       *console
	surveyor *scan.Surveyor

	mu       sync.Mutex
	problems []problemValue
}

// runDryRun checks what it can of the command line without touching STATE or
// TARGET, and surveys the source.
func runDryRun(cmd *cobra.Command, ui *console, args []string, f loadFlags) error {
	if err := f.check(); err != nil {
		return usageError(cmd, err)
	}
	options, err := f.filter.compile()
	if err != nil {
		return usageError(cmd, err)
	}
	_, _, source, err := placesOf(cmd, args)
	if err != nil {
		return err
	}
	t, err := scan.OpenTree(source)
	if err != nil {
		return outcome.New(outcome.Source, fmt.Errorf("open source: %w", err), "SOURCE must be a directory that you can read")
	}
	defer t.Close()
	db, err := scratch.Open("")
	if err != nil {
		return err
	}
	defer db.Close()
	d := &dryRun{ui: ui}
	d.surveyor, err = scan.NewSurveyor(t, scan.Options{Workers: scanWorkers, Filter: options, Failed: d.failed}, f.preserveHardlinks, db)
	if err != nil {
		return err
	}
	r, err := d.run(cmd.Context(), source)
	if err != nil {
		return err
	}
	if f.dryRun.json {
		return writeJSON(ui.out, r)
	}
	r.print(ui.out)
	return nil
}

func (d *dryRun) failed(path string, p state.Problem) {
	d.ui.log.Error("entry cannot be read", "path", path, "op", p.Op, "reason", p.Reason)
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.problems) < listedProblems {
		d.problems = append(d.problems, problemValue{pathtext.NewValue(path), p.Op, errnoNames()[p.Reason], p.Reason})
	}
}

func (d *dryRun) run(ctx context.Context, source string) (dryRunReport, error) {
	began := time.Now()
	stop := d.ui.display(ctx, func() progress.Sample {
		s := d.surveyor.Survey()
		n := s.Entries()
		return progress.Sample{At: time.Now(), Done: n, Found: n, Bytes: s.Bytes, Total: s.Bytes, Moved: s.Bytes, Failures: s.Unreadable}
	})
	err := d.surveyor.Run(ctx)
	stop()
	if err != nil {
		return dryRunReport{}, err
	}
	s := d.surveyor.Survey()
	r := dryRunReport{Version: version, Source: source, Seconds: time.Since(began).Seconds(),
		Entries: s.Entries(), Types: map[string]int64{}, Objects: s.Objects, Bytes: s.Bytes,
		LargestDirectory: largestValue{pathtext.NewValue(s.LargestDirectory.Path), s.LargestDirectory.Size},
		LargestFile:      largestValue{pathtext.NewValue(s.LargestFile.Path), s.LargestFile.Size},
		HardLinkGroups:   s.LinkGroups, HardLinkedNames: s.LinkedNames,
		Blobs: s.Blobs(), Segments: s.Segments, DirectorySegments: s.DirectorySegments, IndirectBlocks: s.IndirectBlocks,
		JournalBytes: s.JournalBytes, Unreadable: s.Unreadable, Problems: append([]problemValue{}, d.problems...)}
	for t, n := range s.Names {
		r.Types[t.String()] = n
	}
	return r, nil
}

// shownTypes is the order in which types are told.
var shownTypes = []clfs.Type{clfs.TypeDirectory, clfs.TypeRegular, clfs.TypeSymlink, clfs.TypeFIFO, clfs.TypeSocket, clfs.TypeChar, clfs.TypeBlock}

func (r *dryRunReport) print(w io.Writer) {
	line := func(title, format string, args ...any) {
		fmt.Fprintf(w, "%-18s %s\n", title, fmt.Sprintf(format, args...))
	}
	var types []string
	for _, t := range shownTypes {
		if n := r.Types[t.String()]; n > 0 {
			types = append(types, fmt.Sprintf("%s %s", humanize.Comma(n), t))
		}
	}
	line("dry run", "nothing was written; listed in %s", seconds(r.Seconds))
	line("source", "%s", r.Source)
	line("entries", "%s: %s", humanize.Comma(r.Entries), strings.Join(types, ", "))
	line("bytes", "%s (%s)", humanize.Comma(r.Bytes), ibytes(r.Bytes))
	line("largest directory", "%s entries: %s", humanize.Comma(r.LargestDirectory.Size), pathtext.Quote("/"+r.LargestDirectory.Bytes()))
	line("largest file", "%s: %s", ibytes(r.LargestFile.Size), pathtext.Quote("/"+r.LargestFile.Bytes()))
	line("hard links", "%s files with %s names", humanize.Comma(r.HardLinkGroups), humanize.Comma(r.HardLinkedNames))
	line("blobs to write", "%s: %s objects, %s segments, %s directory segments, %s indirect blocks, 1 bucket", humanize.Comma(r.Blobs),
		humanize.Comma(r.Objects), humanize.Comma(r.Segments), humanize.Comma(r.DirectorySegments), humanize.Comma(r.IndirectBlocks))
	line("journal", "about %s in STATE, and up to 32 MiB for its write-ahead log", ibytes(r.JournalBytes))
	line("unreadable", "%s", humanize.Comma(r.Unreadable))
	for i, p := range r.Problems {
		if i == shownFailures {
			fmt.Fprintf(w, "  and %s more; --json and the log tell more\n", humanize.Comma(r.Unreadable-shownFailures))
			break
		}
		fmt.Fprintf(w, "  %s: %s: %s\n", pathtext.Quote(p.Bytes()), p.Op, p.Reason)
	}
	line("for the load", "--dry-run-gb %.3f --dry-run-count %d", float64(r.Bytes)/1e9, r.Entries)
}
