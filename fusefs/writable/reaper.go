package writable

import (
	"context"
	"errors"

	"clfsload/clfs"
	"clfsload/fusefs/staging"
	"clfsload/state"
)

// reaper removes the staging files of nodes that are gone.
type reaper struct {
	journal *state.Journal
	staging *staging.Store
	inUse   func(state.Ino) bool // whether a node has handles

	orphans  inoSet // nodes without a name that have handles
	disowned inoSet // those whose last handle was released
	dropped  inoSet // removed nodes whose staging files have to go
}

// newReaper makes a reaper that has nothing to do yet.
func newReaper(j *state.Journal, store *staging.Store, inUse func(state.Ino) bool) *reaper {
	return &reaper{journal: j, staging: store, inUse: inUse}
}

// isOrphan reports whether a node has handles and no name.
func (r *reaper) isOrphan(ino state.Ino) bool { return r.orphans.has(ino) }

// unnamed is told what became of a node that has lost a name. If that was its
// last one, its staging file goes, or the node goes on living while it is in use.
func (r *reaper) unnamed(n state.Node) {
	switch {
	case n.State != state.Removed:
	case n.Flags&state.Orphan != 0:
		r.orphans.add(n.Ino)
		if !r.inUse(n.Ino) { // it was released meanwhile
			r.unused(n.Ino)
		}
	case n.Attr.Type == clfs.TypeRegular:
		r.dropped.add(n.Ino)
	}
}

// unused is told that a node has no handles any more.
func (r *reaper) unused(ino state.Ino) {
	if r.orphans.remove(ino) {
		r.disowned.add(ino)
	}
}

// reap removes the staging files that nobody needs any more: what a power cut
// could bring back must have its bytes.
func (r *reaper) reap(ctx context.Context) error {
	for disowned := r.disowned.take(); len(disowned) > 0; disowned = disowned[1:] {
		if err := r.journal.Disown(ctx, disowned[0]); err != nil && !errors.Is(err, state.ErrNoEntry) {
			for _, ino := range disowned {
				r.disowned.add(ino)
			}
			return err
		}
		r.dropped.add(disowned[0])
	}
	list := r.dropped.take()
	if len(list) == 0 {
		return nil
	}
	err := r.journal.Sync(ctx)
	for _, ino := range list {
		if err == nil {
			err = r.staging.Remove(ino)
		}
		if err != nil {
			r.dropped.add(ino)
		}
	}
	return err
}

// found deals with a staging file that was found, and reports whether it stays.
func (r *reaper) found(ctx context.Context, ino state.Ino) (stays bool, err error) {
	n, err := r.journal.Node(ctx, ino)
	switch {
	case errors.Is(err, state.ErrNoEntry):
		return false, nil
	case err != nil:
	case n.State == state.Removed && n.Flags&state.Orphan == 0:
		r.dropped.add(ino)
	case !n.IsStaged():
		err = r.journal.Restage(ctx, ino)
	}
	return true, err
}
