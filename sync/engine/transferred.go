package engine

import (
	"sync/atomic"

	"clfsload/clfs"
	"clfsload/state"
)

// transferCount is what the counters Transferred and Kept have of the file that a worker
// transfers. Bytes count when they are in the container: those that were read and
// wait for the network are no progress.
type transferCount struct{ now, kept atomic.Int64 }

func (t *transferCount) add(s *Stats, n int64) {
	t.now.Add(n)
	s.Transferred.Add(n)
}

// keep counts the bytes of a file that an earlier run has put.
func (t *transferCount) keep(s *Stats, n int64) {
	t.kept.Add(n)
	s.Kept.Add(n)
}

// drop takes back what was counted of a file that has failed or changed.
func (t *transferCount) drop(s *Stats) {
	s.Transferred.Add(-t.now.Swap(0))
	s.Kept.Add(-t.kept.Swap(0))
}

// finish adds what a file has in its inode: all of it is there.
func (t *transferCount) finish(s *Stats, up *state.Upload) {
	t.now.Store(0)
	t.kept.Store(0)
	if up.ContentsUploaded && up.Node.Attr.Type == clfs.TypeRegular {
		s.Transferred.Add(min(up.Node.Attr.Size, clfs.FirstSegmentBytes))
	}
}
