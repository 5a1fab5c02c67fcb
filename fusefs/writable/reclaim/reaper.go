package reclaim

import (
	"context"
	"errors"

	"clfsload/clfs"
	"clfsload/fusefs/staging"
	"clfsload/fusefs/writable/inodes"
	"clfsload/state"
)

// Reaper removes the staging files of nodes that are gone.
type Reaper struct {
	journal *state.Journal
	staging *staging.Store
	inUse   func(state.Ino) bool // whether a node has handles

	orphans  inodes.Set // nodes without a name that have handles
	disowned inodes.Set // those whose last handle was released
	dropped  inodes.Set // removed nodes whose staging files have to go
}

// NewReaper makes a reaper that has nothing to do yet.
func NewReaper(j *state.Journal, store *staging.Store, inUse func(state.Ino) bool) *Reaper {
	return &Reaper{journal: j, staging: store, inUse: inUse}
}

// IsOrphan reports whether a node has handles and no name.
func (r *Reaper) IsOrphan(ino state.Ino) bool { return r.orphans.Has(ino) }

// Unnamed is told what became of a node that has lost a name. If that was its
// last one, its staging file goes, or the node goes on living while it is in use.
func (r *Reaper) Unnamed(n state.Node) {
	switch {
	case n.State != state.Removed:
	case n.Flags&state.Orphan != 0:
		r.orphans.Add(n.Ino)
		if !r.inUse(n.Ino) { // it was released meanwhile
			r.Unused(n.Ino)
		}
	case n.Attr.Type == clfs.TypeRegular:
		r.dropped.Add(n.Ino)
	}
}

// Unused is told that a node has no handles any more.
func (r *Reaper) Unused(ino state.Ino) {
	if r.orphans.Remove(ino) {
		r.disowned.Add(ino)
	}
}

// Reap removes the staging files that nobody needs any more: what a power cut
// could bring back must have its bytes.
func (r *Reaper) Reap(ctx context.Context) error {
	for disowned := r.disowned.Take(); len(disowned) > 0; disowned = disowned[1:] {
		if err := r.journal.Disown(ctx, disowned[0]); err != nil && !errors.Is(err, state.ErrNoEntry) {
			for _, ino := range disowned {
				r.disowned.Add(ino)
			}
			return err
		}
		r.dropped.Add(disowned[0])
	}
	list := r.dropped.Take()
	if len(list) == 0 {
		return nil
	}
	err := r.journal.Sync(ctx)
	for _, ino := range list {
		if err == nil {
			err = r.staging.Remove(ino)
		}
		if err != nil {
			r.dropped.Add(ino)
		}
	}
	return err
}

// Found deals with a staging file that was found, and reports whether it stays.
func (r *Reaper) Found(ctx context.Context, ino state.Ino) (stays bool, err error) {
	n, err := r.journal.Node(ctx, ino)
	switch {
	case errors.Is(err, state.ErrNoEntry):
		return false, nil
	case err != nil:
	case n.State == state.Removed && n.Flags&state.Orphan == 0:
		r.dropped.Add(ino)
	case !n.IsStaged():
		err = r.journal.Restage(ctx, ino)
	}
	return true, err
}
