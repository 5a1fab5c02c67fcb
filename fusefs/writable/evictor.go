package writable

import (
	"context"
	"log/slog"
	"time"

	"clfsload/clfs"
	"clfsload/fusefs/staging"
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

// evictorOptions are what an evictor works with.
type evictorOptions struct {
	Journal *state.Journal
	Staging *staging.Store
	Room    *room
	Reaper  *reaper
	Files   *Table
	Nodes   *nodes
	Log     *slog.Logger
}

// evictor makes room in the staging directory: it evicts what is uploaded, the least recently
// used first.
type evictor struct {
	evictorOptions
	used inoSet // files that were opened
}

// newEvictor makes an evictor that does nothing yet.
func newEvictor(o evictorOptions) *evictor { return &evictor{evictorOptions: o} }

// opened is told that a file was opened.
func (e *evictor) opened(ino state.Ino) { e.used.add(ino) }

// run makes room until ctx ends.
func (e *evictor) run(ctx context.Context) {
	tick := time.NewTicker(evictInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-e.Room.wake:
		case <-tick.C:
		}
		hope, err := e.makeRoom(ctx)
		if err != nil && ctx.Err() == nil {
			e.Log.Error("make room in staging; this is retried", "error", err)
		}
		e.Room.rounded(hope)
		if err != nil {
			pause(ctx, evictInterval)
		}
	}
}

// makeRoom makes room if it is low: files that are uploaded go first, then the
// uploaded blocks of files that are not. hope is false if there is no room and
// nothing that could make some.
func (e *evictor) makeRoom(ctx context.Context) (hope bool, err error) {
	if err := e.noteUse(ctx); err != nil {
		return true, err
	}
	limit, free := e.Room.size()
	begin, enough := e.Room.goals(limit)
	if free >= begin {
		return true, nil
	}
	if err := e.Reaper.reap(ctx); err != nil {
		return true, err
	}
	made := false
	for ; free < enough; _, free = e.Room.size() {
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
func (e *evictor) evict(ctx context.Context) (int, error) {
	n, err := e.evictFiles(ctx)
	if err == nil && n == 0 {
		n, err = e.evictBlocks(ctx)
	}
	return n, err
}

// onTheWay reports whether something is being uploaded, or soon will be, that can be
// evicted then. It looks in the order in which files go that way: none passes by.
func (e *evictor) onTheWay(ctx context.Context) (bool, error) {
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
func (e *evictor) anySettles(ctx context.Context) (bool, error) {
	for after := state.Ino(0); ; {
		list, err := e.Journal.Unsettled(ctx, after, settlesPage)
		if err != nil || len(list) == 0 {
			return false, err
		}
		for i := range list {
			if list[i].Attr.Type == clfs.TypeRegular && e.Files.settles(&list[i]) {
				return true, nil
			}
		}
		after = list[len(list)-1].Ino
	}
}

// noteUse tells the journal which files were opened, once it matters.
func (e *evictor) noteUse(ctx context.Context) error {
	list := e.used.take()
	limit, free := e.Room.size()
	if len(list) == 0 || free > limit/2 {
		return nil
	}
	return e.Journal.Touch(ctx, list)
}

// evictFiles removes staging files of uploaded files that nobody works on, and
// returns how many.
func (e *evictor) evictFiles(ctx context.Context) (int, error) {
	list, err := e.Journal.Evictable(ctx, evictFiles+e.Files.count())
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
		e.Nodes.invalidate(ino)
		if err := e.Staging.Remove(ino); err != nil {
			return 0, err
		}
	}
	return len(evicted), nil
}

// lockIdle locks files that nobody works on. Whoever opens one waits until it is unlocked.
func (e *evictor) lockIdle(list []state.Node) (locked []*file, chosen []state.Settled) {
	for _, n := range list {
		if len(locked) == evictFiles {
			break
		}
		if f := e.Files.lockIdle(n.Ino); f != nil {
			locked = append(locked, f)
			chosen = append(chosen, state.Settled{Ino: n.Ino, Seq: n.Seq})
		}
	}
	return locked, chosen
}

func (e *evictor) unlock(locked []*file) {
	for _, f := range locked {
		e.Files.unlockIdle(f)
	}
}

// evictBlocks punches uploaded blocks out of staging files, and returns how many.
func (e *evictor) evictBlocks(ctx context.Context) (int, error) {
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

func (e *evictor) evictBlocksOf(ctx context.Context, ino state.Ino, blocks []uint64) (int, error) {
	f := e.Files.acquire(ino)
	defer e.Files.release(f)
	return f.evict(ctx, blocks)
}

// pause waits, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
