package load

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

// planner finds out what a load into a container would do: it runs the load with its own journal,
// and uploads nothing.
type planner struct {
	*Load
	tell func(Change)

	mu     sync.Mutex
	totals Plan
}

// Plan is the result of a dry run of a load into a container. Sizes are in bytes.
type Plan struct {
	Version  string   `json:"version"`
	Source   string   `json:"source"`
	Target   string   `json:"target"`
	Into     string   `json:"into"`
	Entries  Outcomes `json:"entries"`
	Bytes    int64    `json:"bytes"` // of files that would be uploaded
	Failures int64    `json:"failures"`
}

// Change is a change that a load would make to an entry.
type Change struct {
	Path    string       // below SOURCE
	Entry   *state.Entry // the new attributes; for a removed entry only its type
	Merged  state.Merged
	Removed bool
	Compare state.Comparison
}

// PlanInto reports each change of a load as it is found, and changes nothing.
func PlanInto(ctx context.Context, o Options, tell func(Change)) (t Plan, err error) {
	p := &planner{Load: &Load{options: o, log: o.Log}, tell: tell}
	scratch, err := os.MkdirTemp("", "clfsload-dry-run-")
	if err != nil {
		return t, err
	}
	defer func() { err = errors.Join(err, p.Close(ctx), os.RemoveAll(scratch)) }()
	if err := p.open(ctx, filepath.Join(scratch, "state")); err != nil {
		return t, err
	}
	err = p.run(ctx)
	return p.totals, err
}

// open creates the journal of the plan.
func (p *planner) open(ctx context.Context, scratch string) (err error) {
	o := &p.options
	if p.tree, err = scan.OpenTree(o.Source); err != nil {
		return outcome.New(outcome.Source, fmt.Errorf("open source: %w", err), "SOURCE must be a directory that you can read")
	}
	if p.target, err = target.Open(o.Target, o.Sources, o.Patience.Access(o.Concurrency, p.log)); err != nil {
		return err
	}
	if err := p.target.Check(ctx); err != nil {
		return err
	}
	if o.IsNew {
		if err := statedir.CheckNew(o.StateDir); err != nil {
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
	if err := e.Begin(ctx); err != nil { // it only reads an existing container
		return err
	}
	return p.startMerge(ctx)
}

// copyState copies the journal of a STATE that has no unfinished load.
func (p *planner) copyState(scratch string) error {
	stateDir := p.options.StateDir
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
		return outcome.New(outcome.State, fmt.Errorf("state directory %s has an unfinished load", stateDir), "run the command without --dry-run to resume it")
	}
	return p.compareContainer()
}

func (p *planner) run(ctx context.Context) error {
	p.failed = func(path string, f state.Failure) {
		p.log.Error("entry failed", "path", path, "op", f.Op, "reason", f.Reason)
		p.mu.Lock()
		defer p.mu.Unlock()
		p.totals.Failures++
	}
	o := p.scanOptions()
	o.Workers = 1 // so that the entries of a directory are listed together
	o.Merge.Merged, o.Merge.Removed = p.merged, p.removed
	if err := scan.NewScanner(p.tree, p.journal, o).Run(ctx); err != nil {
		return p.outcomeOfPlan(err)
	}
	t := &p.totals
	t.Version, t.Source, t.Target, t.Into, t.Entries = p.options.Version, p.options.Source, p.target.String(), p.options.Merge.Into, p.merge.get()
	return nil
}

func (p *planner) outcomeOfPlan(err error) error {
	var source *scan.SourceError
	if errors.As(err, &source) {
		return outcome.New(outcome.Source, err, "")
	}
	return err
}

func (p *planner) merged(path string, e *state.Entry, m state.Merged) {
	p.merge.count(path, e, m)
	if m.Outcome == state.Kept || m.Outcome == state.Refused {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if e.Attr.Type == clfs.TypeRegular && m.Outcome != state.Changed {
		p.totals.Bytes += e.Attr.Size
	}
	p.tell(Change{Path: path, Entry: e, Merged: m, Compare: p.journal.Settings.Merge.Compare})
}

func (p *planner) removed(path string, isDir bool) {
	p.merge.countRemoved(path, isDir)
	p.mu.Lock()
	defer p.mu.Unlock()
	e := &state.Entry{}
	if isDir {
		e.Attr.Type = clfs.TypeDirectory
	}
	p.tell(Change{Path: path, Entry: e, Removed: true})
}
