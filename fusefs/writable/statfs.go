package writable

import (
	"github.com/hanwen/go-fuse/v2/fuse"

	"clfsload/fusefs/staging"
)

// statBlock is the unit of statfs, in bytes.
const statBlock = 4096

// StatFs tells how much staging can take. What is uploaded counts as free: it is
// evicted when the room is wanted.
func (s *FS) StatFs(_ <-chan struct{}, _ *fuse.InHeader, out *fuse.StatfsOut) fuse.Status {
	limit, free := s.room.Size()
	used, _ := s.staging.Usage()
	t := s.journal.Counts()
	unsent := int64(t.DirtyBytes + t.QueuedBytes)
	free = min(free+max(used-unsent, 0), limit)
	out.Blocks, out.Bfree = uint64(limit)/statBlock, uint64(free)/statBlock
	out.Bavail = out.Bfree
	out.Bsize, out.Frsize, out.NameLen = statBlock, statBlock, maxName
	const mostFiles = 1 << 32
	out.Files = mostFiles
	out.Ffree = mostFiles - min(t.Nodes(), mostFiles)
	return fuse.OK
}

// Usage says what staging files take.
func (s *FS) Usage() staging.Usage {
	used, _ := s.staging.Usage()
	limit, free := s.room.Size()
	return staging.Usage{Bytes: used, Limit: limit, Free: free}
}
