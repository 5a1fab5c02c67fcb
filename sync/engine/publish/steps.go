package publish

import (
	"context"
	"iter"

	"clfsload/state"
)

// Rows is the namespace at the moment that is published: a [state.Snapshot].
type Rows interface {
	// First reports whether nothing is in reach yet: no publication before this one can
	// have put the root.
	First() bool
	Reached(*state.Node) bool
	Root(context.Context) (state.Node, error)
	NewDirectories(ctx context.Context, after state.Ino, limit int) ([]state.ChangedDirectory, error)
	ChangedNodes(ctx context.Context, after state.Ino, limit int) ([]state.Node, error)
	ChangedDirectories(ctx context.Context, after state.Ino, limit int) ([]state.ChangedDirectory, error)
	DirectoriesWithTombstones(ctx context.Context, after state.Ino, limit int) ([]state.ChangedDirectory, error)
	Children(ctx context.Context, dir state.Ino, after []byte, limit int) ([]state.SnapshotChild, error)
	Tombstones(ctx context.Context, dir state.Ino, after state.Tombstone, limit int) ([]state.Tombstone, error)
	Taken(ctx context.Context, dir state.Ino, name []byte) (bool, error)
}

// Phase is a part of a publication. What one puts is recorded before the next begins.
type Phase int

const (
	NewDirectories     Phase = iota // directories that nothing leads to; then they are reached
	Inodes                          // anything but directories
	ChangedDirectories              // what they got is listed now, what they lost still
	FinalDirectories                // what they lost is gone
	FirstRoot                       // of the first publication: it makes everything reachable
)

// Phases are those of a publication, in their order.
var Phases = []Phase{NewDirectories, Inodes, ChangedDirectories, FinalDirectories, FirstRoot}

func (p Phase) String() string {
	return [...]string{"new directories", "inodes", "changed directories", "final directories", "first root"}[p]
}

// Step is one put.
type Step struct {
	Node   state.Node // as it is to be put
	Reason Reason
	// Of a directory:
	Form       Form
	Tombstones bool // it has some
	Again      bool // the publication has put its interim form
	Last       bool // no other form of it follows
	Reached    bool // something may lead there
}

// Reason says in a few words what has changed. Whoever reads a list of them has one line for each.
type Reason string

const (
	reasonNew              Reason = "new"
	reasonContents         Reason = "contents"
	reasonNames            Reason = "names or links"
	reasonContentsAndNames Reason = "contents, names or links"
	reasonAttributes       Reason = "attributes"
	reasonAdded            Reason = "entries added"
	reasonRemoved          Reason = "attributes, entries renamed or removed"
	reasonAddedFirst       Reason = "entries added, none removed"
	reasonMovedAway        Reason = "entries moved away"
	reasonRoot             Reason = "first publication"
)

// page is how many rows are read at a time.
const page = 1000

// Steps returns the steps of a phase, in any order in which they may be made: many at a time.
func Steps(ctx context.Context, r Rows, phase Phase) iter.Seq2[Step, error] {
	switch phase {
	case NewDirectories:
		return directories(ctx, r, r.NewDirectories, newDirectory)
	case Inodes:
		return inodes(ctx, r)
	case ChangedDirectories:
		return directories(ctx, r, r.ChangedDirectories, changedDirectory)
	case FinalDirectories:
		return directories(ctx, r, r.DirectoriesWithTombstones, finalDirectory)
	}
	return firstRoot(ctx, r)
}

// makeStep makes the step of a directory whose forms differ, or do not; ok is false if it has none.
type makeStep func(r Rows, n state.Node, differ bool) (s Step, ok bool)

func newDirectory(_ Rows, n state.Node, differ bool) (Step, bool) {
	return Step{Node: n, Form: Interim, Last: !differ, Reason: reasonNew}, true
}

func changedDirectory(_ Rows, n state.Node, differ bool) (Step, bool) {
	grown := n.Flags&state.Grown != 0
	switch {
	case !differ && grown:
		return Step{Node: n, Form: Final, Last: true, Reached: true, Reason: reasonAdded}, true
	case !differ:
		return Step{Node: n, Form: Final, Last: true, Reached: true, Reason: reasonRemoved}, true
	case !grown:
		return Step{}, false // its blob lists all that the interim form does
	}
	return Step{Node: n, Form: Interim, Reached: true, Reason: reasonAddedFirst}, true
}

// finalDirectory is the second put of a directory that the publication has put in its interim
// form, or the only one.
func finalDirectory(r Rows, n state.Node, differ bool) (Step, bool) {
	root := n.Ino == state.RootIno
	if !differ || root && r.First() {
		return Step{}, false
	}
	again := !r.Reached(&n) || n.Flags&state.Grown != 0
	if again {
		n.Version++
	}
	return Step{Node: n, Form: Final, Again: again, Last: true, Reached: true, Reason: reasonMovedAway}, true
}

func directories(ctx context.Context, r Rows, list func(context.Context, state.Ino, int) ([]state.ChangedDirectory, error),
	step makeStep) iter.Seq2[Step, error] {
	return func(yield func(Step, error) bool) {
		for d, err := range pages(ctx, state.Ino(0), list, func(d state.ChangedDirectory) state.Ino { return d.Ino }) {
			differ := false
			if err == nil && d.Tombstones {
				differ, err = formsDiffer(allTombstones(ctx, r, d.Ino))
			}
			if err != nil {
				yield(Step{}, err)
				return
			}
			s, ok := step(r, d.Node, differ)
			s.Tombstones = d.Tombstones
			if ok && !yield(s, nil) {
				return
			}
		}
	}
}

// formsDiffer reports whether the interim form of a directory lists more than the final one.
func formsDiffer(tombstones iter.Seq2[state.Tombstone, error]) (bool, error) {
	for t, err := range tombstones {
		if err != nil {
			return false, err
		}
		if Interim.keeps(&t) && !Final.keeps(&t) {
			return true, nil
		}
	}
	return false, nil
}

func inodes(ctx context.Context, r Rows) iter.Seq2[Step, error] {
	return func(yield func(Step, error) bool) {
		for n, err := range pages(ctx, state.Ino(0), r.ChangedNodes, func(n state.Node) state.Ino { return n.Ino }) {
			if !yield(Step{Node: n, Last: true, Reached: true, Reason: inodeReason(&n)}, err) || err != nil {
				return
			}
		}
	}
}

// inodeReason says what of an inode that is no directory has changed. The journal has a new
// payload for new contents alone.
func inodeReason(n *state.Node) Reason {
	renamed := n.Flags&state.Renamed != 0
	switch {
	case n.ImageGen != 0 && renamed:
		return reasonContentsAndNames
	case n.ImageGen != 0:
		return reasonContents
	case renamed:
		return reasonNames
	}
	return reasonAttributes
}

func firstRoot(ctx context.Context, r Rows) iter.Seq2[Step, error] {
	return func(yield func(Step, error) bool) {
		if r.First() {
			n, err := r.Root(ctx)
			yield(Step{Node: n, Form: Final, Tombstones: true, Last: true, Reached: true, Reason: reasonRoot}, err)
		}
	}
}

// Listing returns the entries of the directory of a step in the form that is put.
func Listing(ctx context.Context, r Rows, s Step) iter.Seq2[Entry, error] {
	none := func(func(state.Tombstone, error) bool) {}
	tombstones := iter.Seq2[state.Tombstone, error](none)
	if s.Tombstones {
		tombstones = allTombstones(ctx, r, s.Node.Ino)
	}
	return List(s.Form, allEntries(ctx, r, s.Node.Ino), tombstones, func(name []byte) (bool, error) {
		return r.Taken(ctx, s.Node.Ino, name)
	})
}

func allEntries(ctx context.Context, r Rows, dir state.Ino) iter.Seq2[state.SnapshotChild, error] {
	return pages(ctx, nil, func(ctx context.Context, after []byte, limit int) ([]state.SnapshotChild, error) {
		return r.Children(ctx, dir, after, limit)
	}, func(c state.SnapshotChild) []byte { return c.Name })
}

func allTombstones(ctx context.Context, r Rows, dir state.Ino) iter.Seq2[state.Tombstone, error] {
	return pages(ctx, state.Tombstone{}, func(ctx context.Context, after state.Tombstone, limit int) ([]state.Tombstone, error) {
		return r.Tombstones(ctx, dir, after, limit)
	}, func(t state.Tombstone) state.Tombstone { return t })
}

// pages goes through a list that is read in pages, each after the place of the one before.
func pages[T, Place any](ctx context.Context, after Place, list func(context.Context, Place, int) ([]T, error),
	place func(T) Place) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for at := after; ; {
			rows, err := list(ctx, at, page)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, row := range rows {
				if !yield(row, nil) {
					return
				}
			}
			if len(rows) < page {
				return
			}
			at = place(rows[len(rows)-1])
		}
	}
}
