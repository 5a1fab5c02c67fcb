package readonly

import (
	"context"
	"errors"
	"fmt"

	"clfsload/clfs"
)

// ErrStale says that a publication has replaced or removed what was looked up or opened, and
// that what it had is deleted. The kernel looks the path of a call up again when it gets that.
var ErrStale = errors.New("a later publication has replaced it")

// errReplaced says that an object is missing because a publication has replaced the inode
// that led to it: whoever reads that inode again will find another one.
var errReplaced = errors.New("replaced while it was read")

// mostTries is how often a call begins again because a publication has replaced what it
// was reading.
const mostTries = 8

// follows reports whether the container may change.
func (r *system) follows() bool { return r.options.Follow > 0 }

// publishing reports whether a directory may be found in two places, or lead back to one above. What is
// shown in a round may be of several publications, so a follower has to expect it always.
func (r *system) publishing(ctx context.Context) bool {
	return r.follows() || r.container.Publishing(ctx)
}

// asPublished calls fn, which must use no inode that is older than the round. If a publication
// replaces meanwhile what fn uses, fn is called again and must use none that was read before.
func (r *system) asPublished(ctx context.Context, fn func(round) error) error {
	now, err := r.rounds.current(ctx)
	if err != nil {
		return err
	}
	for range mostTries {
		if err = fn(now); !errors.Is(err, errReplaced) {
			return err
		}
		now.since = r.rounds.next()
	}
	return stale(err)
}

// stale makes ErrStale of errReplaced.
func stale(err error) error {
	if errors.Is(err, errReplaced) {
		return fmt.Errorf("%w: %w", ErrStale, err)
	}
	return err
}

// missing reports whether an error means that an object is not there, and that may be the doing
// of a publication.
func (r *system) missing(err error) bool {
	return err != nil && r.follows() && r.options.Missing(err)
}

// gone is the error for an inode that the kernel knows and that cannot be read.
func (r *system) gone(err error) error {
	if r.missing(err) {
		return fmt.Errorf("%w: %w", ErrStale, err)
	}
	return err
}

// replaced is the error for a missing object that a version of an inode leads to. It is errReplaced if
// the inode has a newer version or none, ErrStale if the inode is not found at its place any
// longer, and otherwise err: then the container is damaged. What is deleted was out of reach
// before, and all is looked at again here. So if a publication was the cause that is found.
func (r *system) replaced(ctx context.Context, id clfs.ID, n Node, at spot, err error) error {
	if !r.missing(err) {
		return err
	}
	since := r.rounds.next()
	newest, lookErr := r.nodeSince(ctx, id, since)
	switch {
	case r.missing(lookErr), lookErr == nil && newest.Version() != n.Version():
		return fmt.Errorf("%w: %w", errReplaced, err)
	case lookErr != nil:
		return lookErr
	}
	found, lookErr := r.inReach(ctx, id, at, since)
	switch {
	case lookErr != nil:
		return lookErr
	case !found:
		return fmt.Errorf("%w: %w", ErrStale, err)
	}
	return err
}

// inReach reports whether entries lead from the root to an inode at its place.
func (r *system) inReach(ctx context.Context, id clfs.ID, at spot, since uint64) (bool, error) {
	for id != clfs.RootID {
		l, err := r.listing(ctx, at.dir, since)
		if err == nil {
			var found clfs.ID
			if found, _, _, err = r.find(ctx, l, at.name); err == nil && found != id {
				return false, nil
			}
		}
		if errors.Is(err, ErrNoEntry) || errors.Is(err, ErrStale) || errors.Is(err, errReplaced) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		id, at = at.dir, r.places.spotOf(at.dir)
	}
	return true, nil
}
