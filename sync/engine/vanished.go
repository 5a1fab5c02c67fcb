package engine

import (
	"context"
	"errors"

	"clfsload/state"
)

// ForgetVanished makes ready for another try what failed because it is not what
// was listed any more: its names are removed, with all that is below
// it, and the directories that had them are listed again. To be called before Upload.
func (e *Engine) ForgetVanished(ctx context.Context) error {
	for after := state.Ino(0); ; {
		page, err := e.journal.Vanished(ctx, after, feedPage)
		if err != nil || len(page) == 0 {
			return err
		}
		for _, in := range page {
			if err := e.relist(ctx, in); err != nil {
				return err
			}
		}
		after = page[len(page)-1].Ino
	}
}

func (e *Engine) relist(ctx context.Context, in state.Inode) error {
	path, err := e.journal.Path(ctx, in)
	if errors.Is(err, state.ErrNoEntry) {
		return nil // it has gone with a directory above it
	}
	if err != nil {
		return err
	}
	if e.events.Warning != nil {
		e.events.Warning(path, "what was listed here is gone; its directory is listed again")
	}
	return e.journal.Forget(ctx, in)
}
