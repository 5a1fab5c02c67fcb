package writable

import (
	"context"

	"clfsload/fusefs/writable/contents"
	"clfsload/state"
)

// RemoveIncomplete removes all names of a file whose writer was cut off. It reports false
// for one that is open for writing, or not incomplete any more.
func (s *FS) RemoveIncomplete(ctx context.Context, ino state.Ino) (removed bool, err error) {
	if s.files.IsWritten(ino) {
		return false, nil
	}
	at := contents.Now()
	var n state.Node
	var names []state.Removal
	err = s.partial.Retry(ctx, func() (err error) {
		n, names, err = s.journal.RemoveIncomplete(ctx, ino, at, s.inUse)
		return err
	})
	if err != nil || len(names) == 0 {
		return false, err
	}
	s.nodes.Changed(n)
	for _, r := range names {
		s.nodes.Entered(r.Dir, at, 0)
		s.mount.Removed(uint64(r.Dir), string(r.Name), uint64(ino))
	}
	s.reaper.Unnamed(n)
	return true, nil
}
