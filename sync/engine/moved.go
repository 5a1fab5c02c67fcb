package engine

import (
	"sync/atomic"

	"clfsload/clfs"
	"clfsload/state"
)

// moved is what the counters Moved and Kept have of the file that a worker
// transfers. Bytes count when they are in the container: those that were read and
// wait for the network are no progress.
type moved struct{ now, kept atomic.Int64 }

func (m *moved) add(s *Stats, n int64) {
	m.now.Add(n)
	s.Moved.Add(n)
}

// keep counts the bytes of a file that an earlier run has put.
func (m *moved) keep(s *Stats, n int64) {
	m.kept.Add(n)
	s.Kept.Add(n)
}

// drop takes back what was counted of a file that has failed or changed.
func (m *moved) drop(s *Stats) {
	s.Moved.Add(-m.now.Swap(0))
	s.Kept.Add(-m.kept.Swap(0))
}

// finish adds what a file has in its inode: all of it is there.
func (m *moved) finish(s *Stats, up *state.Upload) {
	m.now.Store(0)
	m.kept.Store(0)
	if up.Sealed && up.Node.Attr.Type == clfs.TypeRegular {
		s.Moved.Add(min(up.Node.Attr.Size, clfs.FirstSegmentBytes))
	}
}
