package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"clfsload/clfs"
	"clfsload/state"
	"clfsload/sync/engine"
	"clfsload/sync/outcome"
	"clfsload/sync/scan"
	"clfsload/sync/statedir"
	"clfsload/sync/target"
)

// mergePlan tells what a load into a container would do: it does that with a journal of its own,
// from which nothing is uploaded.
type mergePlan struct {
	*load
	tell func(plannedChange)

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

// plannedChange is a change that a load would make to an entry.
type plannedChange struct {
	path    string       // below SOURCE
	entry   *state.Entry // as it is to be; of one that is removed only its type
	merged  state.Merged
	removed bool
	compare state.Comparison
}

// planMerge tells what a load would change, as it finds out, and changes nothing.
func planMerge(ctx context.Context, o loadOptions, tell func(plannedChange)) (t mergeTotals, err error) {
	p := &mergePlan{load: &load{options: o, log: o.log}, tell: tell}
	scratch, err := os.MkdirTemp("", "clfsload-dry-run-")
	if err != nil {
		return t, err
	}
	defer func() { err = errors.Join(err, p.close(ctx), os.RemoveAll(scratch)) }()
	if err := p.open(ctx, filepath.Join(scratch, "state")); err != nil {
		return t, err
	}
	err = p.run(ctx)
	return p.totals, err
}

// open makes the journal of the plan.
func (p *mergePlan) open(ctx context.Context, scratch string) (err error) {
	o := &p.options
	if p.tree, err = scan.OpenTree(o.source); err != nil {
		return outcome.New(outcome.Source, fmt.Errorf("open source: %w", err), "SOURCE must be a directory that you can read")
	}
	if p.target, err = target.Open(o.target, o.sources, o.patience.Access(o.concurrency, p.log)); err != nil {
		return err
	}
	if err := p.target.Check(ctx); err != nil {
		return err
	}
	if o.isNew {
		if err := statedir.CheckNew(o.stateDir); err != nil {
			return err
		}
		err = p.adoptAt(ctx, scratch)
	} else {
		err = p.copyState(scratch)
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
	return p.startMerge(ctx)
}

// copyState copies the journal of a STATE in which no load is under way.
func (p *mergePlan) copyState(scratch string) error {
	stateDir := p.options.stateDir
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
	return p.compareContainer()
}

func (p *mergePlan) run(ctx context.Context) error {
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
	t.Version, t.Source, t.Target, t.Into, t.Entries = p.options.version, p.options.source, p.target.String(), p.options.merge.Into, p.merge.get()
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
	p.tell(plannedChange{path: path, entry: e, merged: m, compare: p.journal.Settings.Merge.Compare})
}

func (p *mergePlan) removed(path string, isDir bool) {
	p.merge.countRemoved(path, isDir)
	p.mu.Lock()
	defer p.mu.Unlock()
	e := &state.Entry{}
	if isDir {
		e.Attr.Type = clfs.TypeDirectory
	}
	p.tell(plannedChange{path: path, entry: e, removed: true})
}
