package reclaim

import (
	"context"
	"log/slog"
	"time"

	"clfsload/clfs"
	"clfsload/fusefs/staging"
	"clfsload/fusefs/writable/contents"
	"clfsload/fusefs/writable/inodes"
	"clfsload/state"
)

const (
	// evictInterval is how often it is looked whether room should be made.
	evictInterval = time.Second
	// uploadPause is how long an upload is waited for before it is looked again.
	uploadPause = 50 * time.Millisecond
	// evictFiles and evictBlocks are how many are evicted at a time.
	evictFiles  = 64
	evictBlocks = 64
)

// EvictorOptions are what an evictor works with.
type EvictorOptions struct {
	Journal *state.Journal
	Staging *staging.Store
	Room    *Room
	Reaper  *Reaper
	Files   *contents.Table
	Nodes   *inodes.Cache
	Log     *slog.Logger
}

// Evictor makes room in the staging directory: it evicts what is uploaded, the least recently
// used first.
type Evictor struct {
	EvictorOptions
	used inodes.Set // files that were opened
}

// NewEvictor makes an evictor that does nothing yet.
func NewEvictor(o EvictorOptions) *Evictor { return &Evictor{EvictorOptions: o} }

// Opened is told that a file was opened.
func (e *Evictor) Opened(ino state.Ino) { e.used.Add(ino) }

// Run makes room until ctx ends.
func (e *Evictor) Run(ctx context.Context) {
	tick := time.NewTicker(evictInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-e.Room.wake:
		case <-tick.C:
		}
		hope, err := e.MakeRoom(ctx)
		if err != nil && ctx.Err() == nil {
			e.Log.Error("make room in staging; this is retried", "error", err)
		}
		e.Room.rounded(hope)
		if err != nil {
			pause(ctx, evictInterval)
		}
	}
}

// MakeRoom makes room if it is low: files that are uploaded go first, then the
// uploaded blocks of files that are not. hope is false if there is no room and
// nothing that could make some.
func (e *Evictor) MakeRoom(ctx context.Context) (hope bool, err error) {
	if err := e.noteUse(ctx); err != nil {
		return true, err
	}
	limit, free := e.Room.Size()
	begin, enough := e.Room.goals(limit)
	if free >= begin {
		return true, nil
	}
	if err := e.Reaper.Reap(ctx); err != nil {
		return true, err
	}
	made := false
	for ; free < enough; _, free = e.Room.Size() {
		n, err := e.evict(ctx)
		if err != nil {
			return true, err
		}
		if n == 0 {
			break
		}
		made = true
	}
	if made {
		return true, nil
	}
	if hope, err = e.onTheWay(ctx); err != nil {
		return true, err
	}
	if hope {
		pause(ctx, uploadPause)
		return true, nil
	}
	n, err := e.evict(ctx) // what was uploaded since
	return n > 0, err
}

// evict evicts files or, where there are none, blocks, and returns how many.
func (e *Evictor) evict(ctx context.Context) (int, error) {
	n, err := e.EvictFiles(ctx)
	if err == nil && n == 0 {
		n, err = e.EvictBlocks(ctx)
	}
	return n, err
}

// onTheWay reports whether something is being uploaded, or soon will be, that can be
// evicted then. It looks in the order in which files go that way: none passes by.
func (e *Evictor) onTheWay(ctx context.Context) (bool, error) {
	settles, err := e.anySettles(ctx)
	if err != nil || settles {
		return settles, err
	}
	blocks, err := e.Journal.QueuedBlocks(ctx, 0, 0, 1)
	if err != nil || len(blocks) > 0 {
		return true, err
	}
	return e.Journal.Counts().Queued > 0, nil
}

// settlesPage is how many nodes are looked at in one query.
const settlesPage = 1000

// anySettles reports whether there is a file that will be uploaded by itself.
func (e *Evictor) anySettles(ctx context.Context) (bool, error) {
	for after := state.Ino(0); ; {
		list, err := e.Journal.Unsettled(ctx, after, settlesPage)
		if err != nil || len(list) == 0 {
			return false, err
		}
		for i := range list {
			if list[i].Attr.Type == clfs.TypeRegular && e.Files.Settles(&list[i]) {
				return true, nil
			}
		}
		after = list[len(list)-1].Ino
	}
}

// noteUse tells the journal which files were opened, once it matters.
func (e *Evictor) noteUse(ctx context.Context) error {
	list := e.used.Take()
	limit, free := e.Room.Size()
	if len(list) == 0 || free > limit/2 {
		return nil
	}
	return e.Journal.Touch(ctx, list)
}

// EvictFiles removes staging files of uploaded files that nobody works on, and
// returns how many.
func (e *Evictor) EvictFiles(ctx context.Context) (int, error) {
	list, err := e.Journal.Evictable(ctx, evictFiles+e.Files.Count())
	if err != nil {
		return 0, err
	}
	locked, chosen := e.lockIdle(list)
	defer e.unlock(locked)
	if len(chosen) == 0 {
		return 0, nil
	}
	evicted, err := e.Journal.Evict(ctx, chosen)
	if err != nil {
		return 0, err
	}
	for _, ino := range evicted {
		e.Nodes.Invalidate(ino)
		if err := e.Staging.Remove(ino); err != nil {
			return 0, err
		}
	}
	return len(evicted), nil
}

// lockIdle locks files that nobody works on. Whoever opens one waits until it is unlocked.
func (e *Evictor) lockIdle(list []state.Node) (locked []*contents.File, chosen []state.Settled) {
	for _, n := range list {
		if len(locked) == evictFiles {
			break
		}
		if f := e.Files.LockIdle(n.Ino); f != nil {
			locked = append(locked, f)
			chosen = append(chosen, state.Settled{Ino: n.Ino, Seq: n.Seq})
		}
	}
	return locked, chosen
}

func (e *Evictor) unlock(locked []*contents.File) {
	for _, f := range locked {
		e.Files.UnlockIdle(f)
	}
}

// EvictBlocks punches uploaded blocks out of staging files, and returns how many.
func (e *Evictor) EvictBlocks(ctx context.Context) (int, error) {
	list, err := e.Journal.EvictableBlocks(ctx, evictBlocks)
	if err != nil {
		return 0, err
	}
	done := 0
	for len(list) > 0 {
		ino := list[0].Ino
		var blocks []uint64
		for len(list) > 0 && list[0].Ino == ino {
			blocks = append(blocks, list[0].Index)
			list = list[1:]
		}
		n, err := e.evictBlocksOf(ctx, ino, blocks)
		if err != nil {
			return done, err
		}
		done += n
	}
	return done, nil
}

func (e *Evictor) evictBlocksOf(ctx context.Context, ino state.Ino, blocks []uint64) (int, error) {
	f := e.Files.Acquire(ino)
	defer e.Files.Release(f)
	return f.Evict(ctx, blocks)
}

// pause waits, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
