package writable

import (
	"context"
	"errors"
	"time"

	"clfsload/clfs"
	"clfsload/state"
)

// reapInterval is how long removals are gathered: making them durable costs one
// sync of the journal for all.
const reapInterval = 500 * time.Millisecond

// unnamed is told what became of a node that has lost a name. If that was its
// last one, its staging file goes, or the node goes on living while it is in use.
func (s *FS) unnamed(n state.Node) {
	switch {
	case n.State != state.Removed:
	case n.Flags&state.Orphan != 0:
		s.orphans.add(n.Ino)
		if !s.inUse(n.Ino) { // it was released meanwhile
			s.unused(n.Ino)
		}
	case n.Attr.Type == clfs.TypeRegular:
		s.dropped.add(n.Ino)
	}
}

// unused is told that a node has no handles any more.
func (s *FS) unused(ino state.Ino) {
	if s.orphans.remove(ino) {
		s.disowned.add(ino)
	}
}

// reaping removes the staging files of removed nodes, until the file system is
// closed.
func (s *FS) reaping() {
	s.every(reapInterval, "remove staging files of removed files", func() error { return s.reap(s.ctx) })
}

// reap removes the staging files that nobody needs any more: what a power cut
// could bring back must have its bytes.
func (s *FS) reap(ctx context.Context) error {
	for disowned := s.disowned.take(); len(disowned) > 0; disowned = disowned[1:] {
		if err := s.journal.Disown(ctx, disowned[0]); err != nil && !errors.Is(err, state.ErrNoEntry) {
			for _, ino := range disowned {
				s.disowned.add(ino)
			}
			return err
		}
		s.dropped.add(disowned[0])
	}
	list := s.dropped.take()
	if len(list) == 0 {
		return nil
	}
	err := s.journal.Sync(ctx)
	for _, ino := range list {
		if err == nil {
			err = s.staging.Remove(ino)
		}
		if err != nil {
			s.dropped.add(ino)
		}
	}
	return err
}
