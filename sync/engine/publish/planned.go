package publish

import (
	"context"
	"errors"
	"fmt"
)

// PlannedPut is an inode that a publication would put.
type PlannedPut struct {
	Step
	Phase Phase
	Path  string // below the root of the tree, by its first name
}

// Plan calls yield with each inode that Mount would put now, phase after phase,
// and returns what that would report. It makes no request, and changes nothing in the journal.
// An inode that cannot be read back from the container counts as one that is put. An error of
// yield ends it. While yield waits, the log of the journal cannot be tidied up.
func (p *Publisher) Plan(ctx context.Context, yield func(PlannedPut) error) (Report, error) {
	snap, err := p.Journal.Snapshot(ctx)
	if err != nil {
		return Report{}, fmt.Errorf("plan publication: %w", err)
	}
	now := &publication{Publisher: p, snap: snap}
	if err := errors.Join(now.steps(ctx, yield), snap.Close()); err != nil {
		return Report{}, fmt.Errorf("plan publication: %w", err)
	}
	return now.report, nil
}

// steps is run without its puts.
func (p *publication) steps(ctx context.Context, yield func(PlannedPut) error) error {
	p.report.Seq = p.snap.Seq()
	if err := p.listBehind(ctx); err != nil {
		return err
	}
	for _, phase := range Phases {
		for s, err := range Steps(ctx, p.snap, phase) {
			if err != nil {
				return err
			}
			if err := p.planStep(ctx, phase, s, yield); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *publication) planStep(ctx context.Context, phase Phase, s Step, yield func(PlannedPut) error) error {
	path, err := p.snap.Path(ctx, s.Node)
	if err != nil {
		return err
	}
	if s.Node.IsDirectory() {
		p.report.Directories++
	} else {
		p.report.Nodes++
	}
	return yield(PlannedPut{Step: s, Phase: phase, Path: path})
}
