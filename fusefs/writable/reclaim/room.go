package reclaim

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"clfsload/fusefs"
	"clfsload/fusefs/staging"
)

// mostWait is how long a writer waits at most for room although nothing becomes
// free.
const mostWait = 2 * time.Minute

// Room is the room for staging files: what the limit leaves, and what the disk
// has beyond the reserve for the journal.
type Room struct {
	staging *staging.Store
	limit   int64 // bytes that staging files may take on the disk; 0: what the disk has
	reserve int64 // bytes of the disk that are left free, for the journal
	log     *slog.Logger
	wake    chan struct{} // tells the evictor that room is wanted

	mu    sync.Mutex
	round chan struct{} // closed when the evictor has made a round
	hope  bool          // the last round made room, or more may be made soon
	most  int64         // bytes that a writer waits for, since the last round
}

// NewRoom makes the room of a staging directory.
func NewRoom(store *staging.Store, limit, reserve int64, log *slog.Logger) *Room {
	return &Room{staging: store, limit: limit, reserve: reserve, log: log, wake: make(chan struct{}, 1), round: make(chan struct{}), hope: true}
}

// Size is how many bytes staging files may take, and how many of them are free.
func (r *Room) Size() (limit, free int64) {
	used, _ := r.staging.Usage()
	total, left, err := r.staging.Disk()
	if err != nil {
		r.log.Error("statfs", "error", err)
		return 0, 0
	}
	left -= r.reserve
	limit = r.limit
	if limit <= 0 {
		limit = total - r.reserve
	}
	return max(limit, 0), max(min(limit-used, left), 0)
}

// want tells the evictor that n bytes are wanted, and returns what its next round
// closes.
func (r *Room) want(n int64) (round <-chan struct{}, hope bool) {
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
func (r *Room) goals(limit int64) (begin, enough int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return max(limit/8, r.most), max(limit/4, r.most)
}

// low reports whether the room is so small that some should be made: an eighth of
// the limit.
func low(limit, free int64) bool { return free < limit/8 }

// ErrFull says that no room can be made.
var ErrFull = errors.New("staging is full")

// Wait waits until there is room for n bytes more. It returns [ErrFull] when
// none can be made.
func (r *Room) Wait(ctx context.Context, n int64) error {
	limit, free := r.Size()
	if !low(limit, free-n) {
		return nil
	}
	if n > limit {
		return ErrFull
	}
	deadline := time.Now().Add(mostWait)
	for first := true; ; first = false {
		round, hope := r.want(n)
		if free >= n {
			r.slow(ctx, round, limit, free)
			return nil
		}
		if !first && !hope || time.Now().After(deadline) {
			return ErrFull
		}
		if err := fusefs.Await(ctx, round); err != nil {
			return err
		}
		before := free
		if limit, free = r.Size(); free > before {
			deadline = time.Now().Add(mostWait)
		}
	}
}

// mostSlowed is how long a write is held up when hardly any room is left.
const mostSlowed = 100 * time.Millisecond

// slow holds a writer up, the longer the less room there is, so that the uploads
// can follow. A round of the evictor ends it.
func (r *Room) slow(ctx context.Context, round <-chan struct{}, limit, free int64) {
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
func (r *Room) rounded(hope bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hope, r.most = hope, 0
	close(r.round)
	r.round = make(chan struct{})
}
