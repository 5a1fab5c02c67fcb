package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"clfsload/clfs"
	"clfsload/state"
	"clfsload/sync/engine"
	"clfsload/sync/outcome"
	"clfsload/sync/pathtext"
	"clfsload/sync/scan"
	"clfsload/sync/target"
)

// mergePlan tells what a load into a container would do: it does that with a journal of its own,
// from which nothing is uploaded.
type mergePlan struct {
	*load
	out io.Writer

	mu     sync.Mutex
	totals mergeTotals
}

// mergeTotals is what a dry run of a load into a container has found. Sizes are in bytes.
type mergeTotals struct {
	Version  string      `json:"version"`
	Source   string      `json:"source"`
	Target   string      `json:"target"`
	Into     string      `json:"into"`
	Entries  mergeValues `json:"entries"`
	Bytes    int64       `json:"bytes"` // of files that would be uploaded
	Failures int64       `json:"failures"`
}

// runMergePlan prints what the load of a command line would change, and changes nothing.
func runMergePlan(cmd *cobra.Command, ui *console, args []string, f loadFlags) (err error) {
	if err := f.check(); err != nil {
		return usageError(cmd, err)
	}
	if err := f.fitOpenFiles(ui.log); err != nil {
		return err
	}
	spec, stateDir, source, err := placesOf(cmd, args)
	if err != nil {
		return err
	}
	p := &mergePlan{load: &load{flags: f, log: ui.log}, out: ui.out}
	if p.filter, err = f.filter.compile(); err != nil {
		return usageError(cmd, err)
	}
	scratch, err := os.MkdirTemp("", "clfsload-dry-run-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close(cmd.Context()), os.RemoveAll(scratch)) }()
	if err := p.open(cmd, spec, stateDir, source, filepath.Join(scratch, "state")); err != nil {
		return err
	}
	return p.run(cmd.Context(), source)
}

// open makes the journal of the plan.
func (p *mergePlan) open(cmd *cobra.Command, spec target.Spec, stateDir, source, scratch string) (err error) {
	ctx := cmd.Context()
	if p.tree, err = scan.OpenTree(source); err != nil {
		return outcome.New(outcome.Source, fmt.Errorf("open source: %w", err), "SOURCE must be a directory that you can read")
	}
	if p.target, err = target.Open(spec, p.flags.target, p.flags.retry.Access(p.flags.concurrency, p.log)); err != nil {
		return err
	}
	if err := p.target.Check(ctx); err != nil {
		return err
	}
	if p.flags.isNew {
		if err := checkNewState(stateDir); err != nil {
			return err
		}
		err = p.adoptAt(ctx, scratch, source)
	} else {
		err = p.copyState(cmd, stateDir, scratch)
	}
	if err != nil {
		return err
	}
	e, err := p.newEngine(engine.Events{})
	if err != nil {
		return err
	}
	if err := e.Begin(ctx); err != nil { // of a container that is there it reads only
		return err
	}
	return p.startMerge(ctx, source)
}

// copyState copies the journal of a STATE in which no load is under way.
func (p *mergePlan) copyState(cmd *cobra.Command, stateDir, scratch string) error {
	was, err := state.OpenReadOnly(stateDir)
	if err != nil {
		return err
	}
	err = was.CopyTo(scratch)
	if err := errors.Join(err, was.Close()); err != nil {
		return err
	}
	if p.journal, err = state.Open(scratch); err != nil {
		return err
	}
	if p.isUnderWay() {
		return outcome.New(outcome.State, fmt.Errorf("a load is under way in state directory %s", stateDir), "it goes on without --dry-run")
	}
	return p.compareContainer(cmd)
}

func (p *mergePlan) run(ctx context.Context, source string) error {
	p.failed = func(path string, problem state.Problem) {
		p.log.Error("entry failed", "path", path, "op", problem.Op, "reason", problem.Reason)
		p.mu.Lock()
		defer p.mu.Unlock()
		p.totals.Failures++
	}
	o := p.scanOptions()
	o.Workers = 1 // so that what is below a directory stands together
	o.Merge.Merged, o.Merge.Removed = p.merged, p.removed
	if err := scan.NewScanner(p.tree, p.journal, o).Run(ctx); err != nil {
		return p.outcomeOfPlan(err)
	}
	t := &p.totals
	t.Version, t.Source, t.Target, t.Into, t.Entries = version, source, p.target.String(), p.flags.into.path, p.merge.get()
	if p.flags.dryRun.json {
		return writeJSON(p.out, t)
	}
	fmt.Fprintf(p.out, "dry run: into %s: %s\n", t.Into, t.Entries)
	fmt.Fprintf(p.out, "%s to upload, %s failures; nothing was written\n", ibytes(t.Bytes), humanize.Comma(t.Failures))
	return nil
}

func (p *mergePlan) outcomeOfPlan(err error) error {
	var source *scan.SourceError
	if errors.As(err, &source) {
		return outcome.New(outcome.Source, err, "")
	}
	return err
}

func (p *mergePlan) merged(path string, e *state.Entry, m state.Merged) {
	p.merge.count(path, e, m)
	if m.Outcome == state.Kept || m.Outcome == state.Refused {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if e.Attr.Type == clfs.TypeRegular && m.Outcome != state.Changed {
		p.totals.Bytes += e.Attr.Size
	}
	p.tell(path, itemised(e, m, p.journal.Settings.Merge.Compare), e)
}

func (p *mergePlan) removed(path string, isDir bool) {
	p.merge.countRemoved(path, isDir)
	p.mu.Lock()
	defer p.mu.Unlock()
	e := &state.Entry{}
	if isDir {
		e.Attr.Type = clfs.TypeDirectory
	}
	p.tell(path, "*deleting  ", e)
}

// tell prints a change.
func (p *mergePlan) tell(path, change string, e *state.Entry) {
	if p.flags.dryRun.json {
		return // the totals say how many there are
	}
	if e.Attr.Type == clfs.TypeDirectory {
		path += "/"
	}
	if path == "/" {
		path = "./"
	}
	line := change + " " + pathtext.Quote(path)
	if e.Attr.Type == clfs.TypeSymlink {
		line += " -> " + pathtext.Quote(string(e.Target))
	}
	fmt.Fprintln(p.out, line)
}

// itemised describes a change as rsync --itemize-changes does (rsync(1)).
func itemised(e *state.Entry, m state.Merged, how state.Comparison) string {
	types := map[clfs.Type]byte{clfs.TypeRegular: 'f', clfs.TypeDirectory: 'd', clfs.TypeSymlink: 'L', clfs.TypeBlock: 'D', clfs.TypeChar: 'D'}
	kind, known := types[e.Attr.Type]
	if !known {
		kind = 'S'
	}
	update := byte('c')
	if e.Attr.Type == clfs.TypeRegular {
		update = '>'
	}
	if m.Outcome == state.Added || m.Difference&state.OtherType != 0 {
		return string([]byte{update, kind}) + "+++++++++"
	}
	if m.Outcome == state.Changed {
		update = '.'
	}
	if e.Attr.Type == clfs.TypeRegular && how != state.CompareContents {
		m.Difference &^= state.OtherContents // was concluded from size or times
	}
	line := []byte{update, kind}
	for _, l := range []struct {
		letter byte
		what   state.Difference
	}{{'c', state.OtherContents}, {'s', state.OtherSize}, {'t', state.OtherMtime}, {'p', state.OtherMode}, {'o', state.OtherUID}, {'g', state.OtherGID}} {
		if m.Difference&l.what == 0 {
			l.letter = '.'
		}
		line = append(line, l.letter)
	}
	return string(line) + "..."
}
