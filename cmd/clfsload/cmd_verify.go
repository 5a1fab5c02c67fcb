package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"clfsload/cmd/clfsload/flags"
	"clfsload/cmd/clfsload/terminal"
	"clfsload/sync/blob"
	"clfsload/sync/outcome"
	"clfsload/sync/progress"
	"clfsload/sync/report"
	"clfsload/sync/tree"
	"clfsload/sync/tree/verify"
)

func newVerifyCommand() *cobra.Command {
	f := newReadFlags()
	var v verifyCommand
	cmd := &cobra.Command{
		Use:   "verify TARGET",
		Short: "Check that a container keeps every promise of the format",
		Long: `Read the container TARGET and check all promises of the format: every blob has
the right name and contents; everything is reachable from the root, and nothing
else is present; links, sizes, block maps and segments agree; blobs match the
MD5 that the service keeps with them.

CLFS has no checksums. If the service keeps no MD5, compare with the source to
find changed file contents: --source DIR. If the source was loaded with
--include or --exclude, pass the same patterns.

Each finding is reported with its kind, path and blob. Damage breaks the format.
A remark does not; for example, a log is named but missing. The exit code is 0
only if there is no damage, otherwise 14.

A temporary database in --temp-dir takes about 150 bytes a blob.`,
		Example: `  clfsload verify dir:/mnt/stage/projects
  clfsload verify --quick https://myaccount.blob.core.windows.net/projects
  clfsload verify --source /data/projects --json dir:/mnt/stage/projects > report.json`,
		Args: argsBetween(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error { return v.run(cmd, args[0], f) },
	}
	fl := cmd.Flags()
	fl.StringVar(&v.source, "source", "", "compare the tree with this directory, contents included")
	fl.StringArrayVar(&v.filter.Include, "include", nil, "with --source: a `pattern` of the load; may be repeated")
	fl.StringArrayVar(&v.filter.Exclude, "exclude", nil, "with --source: a `pattern` of the load; may be repeated")
	fl.BoolVar(&v.quick, "quick", false, "do not read file contents")
	fl.BoolVar(&v.json, "json", false, "print a JSON object for each finding and, last, one with the summary")
	f.register(cmd)
	v.log.Register(fl)
	return cmd
}

// verifyCommand is one run of verify.
type verifyCommand struct {
	source      string
	filter      flags.Filter
	quick, json bool
	log         terminal.LogFlags
}

func (v *verifyCommand) run(cmd *cobra.Command, target string, f readFlags) error {
	ui, err := terminal.NewConsole(cmd.OutOrStdout(), cmd.ErrOrStderr(), v.log)
	if err != nil {
		return usageError(cmd, err)
	}
	takes, err := v.takes()
	if err != nil {
		return usageError(cmd, err)
	}
	t, err := f.newTree(cmd, target)
	if err != nil {
		return err
	}
	defer t.Close()
	began := time.Now()
	report, err := v.verify(cmd.Context(), ui, t, takes)
	if err != nil {
		return outcome.OfContext(cmd.Context(), err)
	}
	if !v.json {
		printReport(ui.Out, report, time.Since(began))
	}
	if !report.Sound() {
		return unsound(t.Container(), report)
	}
	return nil
}

// takes is the filter of the load, applied to the source; nil without patterns.
func (v *verifyCommand) takes() (verify.SourceFilter, error) {
	if v.filter.IsEmpty() {
		return nil, nil
	}
	if v.source == "" {
		return nil, errors.New("--include and --exclude need --source")
	}
	f, err := v.filter.Compile()
	if err != nil {
		return nil, err
	}
	return func(dir string) func(string, bool) bool { return f.At(dir).Takes }, nil
}

// verify runs and shows its progress.
func (v *verifyCommand) verify(ctx context.Context, ui *terminal.Console, t *tree.Tree, takes verify.SourceFilter) (verify.Report, error) {
	out := bufio.NewWriter(ui.Out)
	p := &findingPrinter{out: out, json: v.json, shown: map[string]int{}}
	var step atomic.Value
	step.Store("")
	stop := ui.Display(ctx, func() progress.Sample { return verifySample(t, step.Load().(string)) })
	report, err := verify.Run(ctx, t, verify.Options{Quick: v.quick, Source: v.source, Takes: takes, Found: p.print,
		Step: func(name string) { step.Store(name) }})
	stop()
	p.finish(report, err)
	if flushErr := out.Flush(); err == nil {
		err = flushErr
	}
	return report, err
}

// verifySample is the progress of a verification: blobs read of those listed.
func verifySample(t *tree.Tree, step string) progress.Sample {
	traffic := t.Traffic()
	done := max(0, min(traffic.Requests, traffic.Listed))
	if step == "list" {
		done = 0
	}
	return progress.Sample{At: time.Now(), Done: done, Found: traffic.Listed, Bytes: traffic.Bytes, Listed: step != "list"}
}

// shownFindings of each kind are printed as text; --json has them all.
const shownFindings = 100

// findingPrinter prints findings as they arrive.
type findingPrinter struct {
	out   *bufio.Writer
	json  bool
	shown map[string]int
}

func (p *findingPrinter) print(f verify.Finding) {
	if p.json {
		_ = json.NewEncoder(p.out).Encode(f) // the last flush returns this error too
		return
	}
	key := string(f.Severity) + string(f.Kind)
	p.shown[key]++
	switch n := p.shown[key]; {
	case n <= shownFindings:
		fmt.Fprintf(p.out, "%s: %s\n", f.Severity, f)
	case n == shownFindings+1:
		fmt.Fprintf(p.out, "%s: %s: there is more; --json lists all\n", f.Severity, f.Kind)
	}
	_ = p.out.Flush() // likewise
}

// finish prints the summary of a run with --json.
func (p *findingPrinter) finish(r verify.Report, err error) {
	if p.json && err == nil {
		_ = json.NewEncoder(p.out).Encode(struct { // likewise
			Sound   bool          `json:"sound"`
			Summary verify.Report `json:"summary"`
		}{r.Sound(), r})
	}
}

func printReport(w io.Writer, r verify.Report, took time.Duration) {
	fmt.Fprintf(w, "%s blobs, %s, checked in %s\n", humanize.Comma(r.Blobs), report.Size(r.Bytes), took.Round(time.Millisecond))
	for _, kind := range slices.Sorted(maps.Keys(r.Objects)) {
		fmt.Fprintf(w, "  %12s %s\n", humanize.Comma(r.Objects[kind]), kind)
	}
	if r.Checked > 0 {
		fmt.Fprintf(w, "  %12s blobs compared with the MD5 kept with them\n", humanize.Comma(r.Checked))
	}
	if n := r.Passed.UnknownRecords + r.Passed.ExtAttrs; n > 0 {
		fmt.Fprintf(w, "  %12s unknown records and extended attributes skipped\n", humanize.Comma(n))
	}
	printCounts(w, "remarks", r.Remarks)
	printCounts(w, "damage", r.Damage)
	switch {
	case r.Sound() && r.Remarks[verify.KindOpen] > 0:
		fmt.Fprintln(w, "sound: no damage found; the container is open, and may be incomplete")
	case r.Sound():
		fmt.Fprintln(w, "sound: no damage found")
	}
}

func printCounts(w io.Writer, title string, counts map[tree.Kind]int64) {
	if len(counts) == 0 {
		return
	}
	fmt.Fprintf(w, "%s:\n", title)
	for _, kind := range slices.Sorted(maps.Keys(counts)) {
		fmt.Fprintf(w, "  %12s %s\n", humanize.Comma(counts[kind]), kind)
	}
}

// unsound is the error for a damaged container. The findings were printed.
func unsound(c blob.Container, r verify.Report) error {
	reason := tree.ErrDamaged
	if len(r.Damage) == 1 && r.Damage[verify.KindSource] > 0 {
		reason = errors.New("the container and the source differ")
	}
	return outcome.New(outcome.Damaged, fmt.Errorf("verify %s: %w", c, reason), "")
}

// verifyContainer checks a container after its load: it prints the findings and returns an error if
// there is damage.
func verifyContainer(ctx context.Context, ui *terminal.Console, c blob.Container) error {
	t := tree.New(c, tree.Options{})
	defer t.Close()
	v := verifyCommand{}
	began := time.Now()
	report, err := v.verify(ctx, ui, t, nil)
	if err != nil {
		return err
	}
	printReport(ui.Out, report, time.Since(began))
	if !report.Sound() {
		return unsound(c, report)
	}
	return nil
}
