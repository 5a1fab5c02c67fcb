package writable

import (
	"context"

	"clfsload/state"
)

// RemoveIncomplete removes all names of a file whose writer was cut off. It reports false
// for one that is open for writing, or not incomplete any more.
func (s *FS) RemoveIncomplete(ctx context.Context, ino state.Ino) (removed bool, err error) {
	if s.files.isWritten(ino) {
		return false, nil
	}
	at := now()
	var n state.Node
	var names []state.Removal
	err = s.partial.adopting(ctx, func() (err error) {
		n, names, err = s.journal.RemoveIncomplete(ctx, ino, at, s.inUse)
		return err
	})
	if err != nil || len(names) == 0 {
		return false, err
	}
	s.nodes.changed(n)
	for _, r := range names {
		s.nodes.entered(r.Dir, at, 0)
		s.mount.Removed(uint64(r.Dir), string(r.Name), uint64(ino))
	}
	s.reaper.unnamed(n)
	return true, nil
}
