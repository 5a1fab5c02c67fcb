package writable

import (
	"context"
	"sync"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"

	"clfsload/fusefs/internal/fetch"
)

// mostWait is how long a writer waits at most for room although nothing becomes
// free.
const mostWait = 2 * time.Minute

// room is the room for staging files: what the limit leaves, and what the disk
// has beyond the reserve for the journal.
type room struct {
	system *FS
	wake   chan struct{} // tells the evictor that room is wanted

	mu    sync.Mutex
	round chan struct{} // closed when the evictor has made a round
	hope  bool          // the last round made room, or more may be made soon
	most  int64         // bytes that a writer waits for, since the last round
}

func newRoom(s *FS) *room {
	return &room{system: s, wake: make(chan struct{}, 1), round: make(chan struct{}), hope: true}
}

// size is how many bytes staging files may take, and how many of them are free.
func (r *room) size() (limit, free int64) {
	used, _ := r.system.staging.Usage()
	total, left, err := r.system.staging.Disk()
	if err != nil {
		r.system.log.Error("statfs", "error", err)
		return 0, 0
	}
	left -= r.system.options.StagingReserve
	limit = r.system.options.StagingLimit
	if limit <= 0 {
		limit = total - r.system.options.StagingReserve
	}
	return max(limit, 0), max(min(limit-used, left), 0)
}

// want tells the evictor that n bytes are wanted, and returns what its next round
// closes.
func (r *room) want(n int64) (round <-chan struct{}, hope bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.most = max(r.most, n)
	select {
	case r.wake <- struct{}{}:
	default:
	}
	return r.round, r.hope
}

// goals are how many bytes the evictor has to make free, and below how many it has
// to begin.
func (r *room) goals(limit int64) (begin, enough int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return max(limit/8, r.most), max(limit/4, r.most)
}

// low reports whether the room is so small that some should be made: an eighth of
// the limit.
func low(limit, free int64) bool { return free < limit/8 }

// wait waits until there is room for n bytes more. It returns errStagingFull when
// none can be made.
func (r *room) wait(ctx context.Context, n int64) error {
	limit, free := r.size()
	if !low(limit, free-n) {
		return nil
	}
	if n > limit {
		return errStagingFull
	}
	deadline := time.Now().Add(mostWait)
	for first := true; ; first = false {
		round, hope := r.want(n)
		if free >= n {
			r.slow(ctx, round, limit, free)
			return nil
		}
		if !first && !hope || time.Now().After(deadline) {
			return errStagingFull
		}
		if err := fetch.Await(ctx, round); err != nil {
			return err
		}
		before := free
		if limit, free = r.size(); free > before {
			deadline = time.Now().Add(mostWait)
		}
	}
}

// mostSlowed is how long a write is held up when hardly any room is left.
const mostSlowed = 100 * time.Millisecond

// slow holds a writer up, the longer the less room there is, so that the uploads
// can follow. A round of the evictor ends it.
func (r *room) slow(ctx context.Context, round <-chan struct{}, limit, free int64) {
	mark := limit / 8
	if mark == 0 {
		return
	}
	pause := time.NewTimer(mostSlowed * time.Duration(mark-min(free, mark)) / time.Duration(mark))
	defer pause.Stop()
	select {
	case <-pause.C:
	case <-round:
	case <-ctx.Done():
	}
}

// rounded tells the waiting writers that the evictor has made a round.
func (r *room) rounded(hope bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hope, r.most = hope, 0
	close(r.round)
	r.round = make(chan struct{})
}

// statBlock is the unit of statfs, in bytes.
const statBlock = 4096

// StatFs tells how much staging can take. What is uploaded counts as free: it is
// evicted when the room is wanted.
func (s *FS) StatFs(_ <-chan struct{}, _ *fuse.InHeader, out *fuse.StatfsOut) fuse.Status {
	limit, free := s.room.size()
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
