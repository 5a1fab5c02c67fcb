package engine

import (
	"context"

	"clfsload/rescue"
	"clfsload/state"
)

// Directories of which one was moved below another that was below it would lead to
// each other in a circle while the one is published in its new place and the other in
// its old one. Such directories are parked in the root while they move:
//
//  1. the root is put, and lists each of them under a stand-in name;
//  2. the directories that they were moved away from are put without any of them;
//  3. all others are put as ever: no way leads back any more;
//  4. those of step 2 are put as they are, and the root after all others.
//
// A new directory on such a circle is put without them before step 1, and again in
// step 4. So at every instant each of them is in reach, and no directory is put more
// than twice.

// park finds out which directories are to be parked, and notes it in the journal.
func (p *publication) park(ctx context.Context) (err error) {
	p.circles = &state.Circles{}
	if p.root.PutSeq == 0 {
		return nil // nothing is in reach before all is as it is to be
	}
	if p.circles, err = p.snap.Circles(ctx); err != nil || !p.isParked() {
		return err
	}
	parking, err := p.snap.Parking(ctx, p.circles)
	if err != nil {
		return err
	}
	p.stands = parking.Stands
	return p.journal.Park(ctx, p.root, parking)
}

func (p *publication) isParked() bool { return len(p.circles.Members) > 0 }

func (p *publication) parkedRoot(ctx context.Context) error {
	return p.directory(ctx, p.root, union)
}

// partDirectories puts the directories that members of circles were moved away from,
// without them. New ones are so already.
func (p *publication) partDirectories(ctx context.Context) error {
	return p.putAll(ctx, p.circles.Breaks, func(ctx context.Context, n state.Node) error {
		if n.PutSeq == 0 {
			return nil
		}
		return p.directory(ctx, n, parted)
	})
}

// partedDirectories puts whole what is left that was put in parts.
func (p *publication) partedDirectories(ctx context.Context) error {
	var list []state.Node
	for ino, n := range p.unions {
		if ino != state.RootIno {
			list = append(list, n)
		}
	}
	return p.putAll(ctx, list, func(ctx context.Context, n state.Node) error {
		return p.directory(ctx, n, whole)
	})
}

func (p *publication) unparkedRoot(ctx context.Context) error {
	return p.directory(ctx, p.unions[state.RootIno], whole)
}

// putAll puts a list of nodes, many at a time.
func (p *publication) putAll(ctx context.Context, list []state.Node, put func(context.Context, state.Node) error) error {
	g, ctx := rescue.WithContext(ctx)
	g.SetLimit(p.options.Concurrency)
	for _, n := range list {
		g.Go(func() error { return put(ctx, n) })
	}
	return g.Wait()
}
