package engine

import (
	"context"
	"fmt"

	"clfsload/clfs"
	"clfsload/state"
)

// ForgetVanished makes ready for another try what failed because it is not what
// was listed any more: its blobs and its rows are removed, with all that is below
// it, and its directory is listed again. To be called before Transfer.
func (e *Engine) ForgetVanished(ctx context.Context) error {
	return e.eachPage(ctx, e.journal.Vanished, func(ctx context.Context, in state.Inode) error {
		if known, err := e.journal.Known(ctx, in.Ino); err != nil || !known {
			return err // it has gone with its directory
		}
		path, err := e.journal.Path(ctx, in)
		if err != nil {
			return err
		}
		if e.events.Warning != nil {
			e.events.Warning(path, "what was listed here is gone; its directory is listed again")
		}
		if err := e.forget(ctx, in); err != nil {
			return fmt.Errorf("forget %q: %w", path, err)
		}
		return nil
	})
}

func (e *Engine) forget(ctx context.Context, in state.Inode) error {
	if in.Attr.Type == clfs.TypeDirectory {
		if err := e.forgetEntries(ctx, in.Ino); err != nil {
			return err
		}
	}
	if err := e.removeInode(ctx, in); err != nil {
		return err
	}
	return e.journal.Forget(ctx, in)
}

func (e *Engine) forgetEntries(ctx context.Context, dir state.Ino) error {
	for {
		page, err := e.journal.Entries(ctx, dir, feedPage)
		if err != nil || len(page) == 0 {
			return err
		}
		for _, in := range page {
			known, err := e.journal.Known(ctx, in.Ino)
			if err == nil && known { // else it has gone with another name of it, in a directory of the page
				err = e.forget(ctx, in)
			}
			if err != nil {
				return err
			}
		}
	}
}
