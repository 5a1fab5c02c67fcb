package bucket

import (
	"context"
	"errors"
	"fmt"

	"clfsload/clfs"
	"clfsload/state"
	"clfsload/sync/blob"
)

// ErrGone: the container does not have any more what was published in it.
var ErrGone = errors.New("what was published is gone")

// Confirm makes sure, with three small requests, that the container still holds the last
// publication of a mount, and has its root. Errors: ErrGone, ErrForeign,
// ErrOtherPublication, blob.ErrContainerMissing, and those of requests.
func (o *Object) Confirm(ctx context.Context) error {
	n, err := o.Journal.Node(ctx, state.RootIno)
	if err != nil {
		return err
	}
	for {
		_, err := o.Container.Get(ctx, n.PutName(), 0, 0)
		if err == nil {
			if _, err := o.Read(ctx); err != nil {
				return err
			}
			if err := o.CheckRoot(ctx); err != nil {
				return err
			}
			// That notices also that a directory was moved.
			return blob.Sync(ctx, o.Container)
		}
		if !errors.Is(err, blob.ErrNotFound) {
			return fmt.Errorf("look for the root in %s: %w", o.Container, err)
		}
		// A publication may have replaced it since the row was read.
		now, rowErr := o.Journal.Node(ctx, state.RootIno)
		if rowErr != nil {
			return rowErr
		}
		if now.PutVersion == n.PutVersion && now.PutOwner == n.PutOwner {
			return o.gone(ctx, n.PutName())
		}
		n = now
	}
}

// gone says why a blob is not there that was put.
func (o *Object) gone(ctx context.Context, name string) error {
	if _, err := o.Read(ctx); err != nil {
		return err
	}
	return fmt.Errorf("%s: %w: it has no %s", o.Container, ErrGone, name)
}

// CheckRoot returns ErrOtherPublication if the newest root is none that the journal
// has put, or may have put when a publication was cut off: a program that writes no
// marks has changed the container.
func (o *Object) CheckRoot(ctx context.Context) error {
	newest, err := o.newestRoot(ctx)
	if err != nil {
		return err
	}
	least, most, err := o.knownRoots(ctx)
	if err != nil || least <= newest && newest <= most {
		return err
	}
	return fmt.Errorf("%s: %w: the container has %s, STATE %s knows %s",
		o.Container, ErrOtherPublication, rootText(newest), o.StateName, rootText(least))
}

func rootText(version uint32) string {
	if version == 0 {
		return "no root directory"
	}
	return fmt.Sprintf("version %d of the root directory", version)
}

// newestRoot is the highest version of the root directory; 0: there is none.
func (o *Object) newestRoot(ctx context.Context) (newest uint32, err error) {
	for info, err := range blob.All(ctx, o.Container, clfs.NamePrefix(clfs.RootID)) {
		if err != nil {
			return 0, fmt.Errorf("look for the root in %s: %w", o.Container, err)
		}
		n, err := clfs.ParseName(info.Name)
		if err == nil && n.ID == clfs.RootID && n.Snapshot == clfs.LiveSnapshot && n.Type != clfs.TypeTombstone {
			newest = max(newest, n.Version)
		}
	}
	return newest, nil
}

// knownRoots are the versions of the root directory that the newest one may be.
func (o *Object) knownRoots(ctx context.Context) (least, most uint32, err error) {
	n, err := o.Journal.Node(ctx, state.RootIno)
	if err != nil || !o.Journal.Publishing() {
		return n.PutVersion, n.PutVersion, err
	}
	return n.PutVersion, n.Version + 1, nil
}
