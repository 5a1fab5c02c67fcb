package writable

import (
	"context"
	"errors"
	"time"

	"clfsload/clfs"
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

// evicting makes room, until the file system is closed.
func (s *FS) evicting() {
	tick := time.NewTicker(evictInterval)
	defer tick.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-s.room.wake:
		case <-tick.C:
		}
		hope, err := s.evictRound(s.ctx)
		if err != nil && s.ctx.Err() == nil {
			s.log.Error("make room in staging; this is tried again", "error", err)
		}
		s.room.rounded(hope)
		if err != nil {
			s.pause(evictInterval)
		}
	}
}

// pause waits, or until the file system is closed.
func (s *FS) pause(d time.Duration) {
	select {
	case <-s.ctx.Done():
	case <-time.After(d):
	}
}

// evictRound makes room if it is low: files that are uploaded go first, then the
// uploaded blocks of files that are not. hope is false if there is no room and
// nothing that could make some.
func (s *FS) evictRound(ctx context.Context) (hope bool, err error) {
	if err := s.noteUse(ctx); err != nil {
		return true, err
	}
	limit, free := s.room.size()
	begin, enough := s.room.goals(limit)
	if free >= begin {
		return true, nil
	}
	if err := s.reap(ctx); err != nil {
		return true, err
	}
	made := false
	for ; free < enough; _, free = s.room.size() {
		n, err := s.evict(ctx)
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
	if hope, err = s.onTheWay(ctx); err != nil {
		return true, err
	}
	if hope {
		s.pause(uploadPause)
		return true, nil
	}
	n, err := s.evict(ctx) // what was uploaded since
	return n > 0, err
}

// evict evicts files or, where there are none, blocks, and returns how many.
func (s *FS) evict(ctx context.Context) (int, error) {
	n, err := s.evictFiles(ctx)
	if err == nil && n == 0 {
		n, err = s.evictBlocks(ctx)
	}
	return n, err
}

// onTheWay reports whether something is being uploaded, or soon will be, that can be
// evicted then. It looks in the order in which files go that way: none passes by.
func (s *FS) onTheWay(ctx context.Context) (bool, error) {
	settles, err := s.anySettles(ctx)
	if err != nil || settles {
		return settles, err
	}
	blocks, err := s.journal.QueuedBlocks(ctx, 0, 0, 1)
	if err != nil || len(blocks) > 0 {
		return true, err
	}
	return s.journal.Counts().Queued > 0, nil
}

// anySettles reports whether there is a file that will be uploaded by itself.
func (s *FS) anySettles(ctx context.Context) (bool, error) {
	for after := state.Ino(0); ; {
		list, err := s.journal.Unsettled(ctx, after, settlePage)
		if err != nil || len(list) == 0 {
			return false, err
		}
		for i := range list {
			if list[i].Attr.Type == clfs.TypeRegular && s.settles(&list[i]) {
				return true, nil
			}
		}
		after = list[len(list)-1].Ino
	}
}

// noteUse tells the journal which files were opened, once it matters.
func (s *FS) noteUse(ctx context.Context) error {
	list := s.used.take()
	limit, free := s.room.size()
	if len(list) == 0 || free > limit/2 {
		return nil
	}
	return s.journal.Touch(ctx, list)
}

// evictFiles removes staging files of uploaded files that nobody works on, and
// returns how many.
func (s *FS) evictFiles(ctx context.Context) (int, error) {
	list, err := s.journal.Evictable(ctx, evictFiles+s.files.count())
	if err != nil {
		return 0, err
	}
	held, chosen := s.hold(list)
	defer s.let(held)
	if len(chosen) == 0 {
		return 0, nil
	}
	evicted, err := s.journal.Evict(ctx, chosen)
	if err != nil {
		return 0, err
	}
	for _, ino := range evicted {
		s.nodes.forget(ino)
		if err := s.staging.Remove(ino); err != nil {
			return 0, err
		}
	}
	return len(evicted), nil
}

// hold locks files that nobody works on. Whoever opens one waits until it is let
// go.
func (s *FS) hold(list []state.Node) (held []*file, chosen []state.Settled) {
	for _, n := range list {
		if len(held) == evictFiles {
			break
		}
		if f := s.files.acquireIdle(n.Ino); f != nil {
			held = append(held, f)
			chosen = append(chosen, state.Settled{Ino: n.Ino, Seq: n.Seq})
		}
	}
	return held, chosen
}

func (s *FS) let(held []*file) {
	for _, f := range held {
		f.mu.Unlock()
		s.release(f)
	}
}

// evictBlocks punches uploaded blocks out of staging files, and returns how many.
func (s *FS) evictBlocks(ctx context.Context) (int, error) {
	list, err := s.journal.EvictableBlocks(ctx, evictBlocks)
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
		n, err := s.evictBlocksOf(ctx, ino, blocks)
		if err != nil {
			return done, err
		}
		done += n
	}
	return done, nil
}

func (s *FS) evictBlocksOf(ctx context.Context, ino state.Ino, blocks []uint64) (int, error) {
	f := s.files.acquire(ino)
	defer s.release(f)
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.load(); err != nil {
		if errors.Is(err, state.ErrNoEntry) {
			err = nil
		}
		return 0, err
	}
	evicted, err := s.journal.EvictBlocks(ctx, ino, blocks)
	if err != nil {
		return 0, err
	}
	n, rows, err := s.journal.Layout(ctx, ino)
	if err != nil {
		f.loaded, f.ready = false, false
		return 0, err
	}
	f.adopt(n, rows)
	for _, index := range evicted {
		if err := f.punch(index); err != nil {
			return 0, err
		}
	}
	return len(evicted), nil
}

// punch takes a remote block out of the staging file. mu is held.
func (f *file) punch(index uint64) error {
	if f.staged == nil {
		return nil
	}
	at, length := state.BlockRange(index)
	if at >= f.size {
		return nil
	}
	if err := f.staged.Punch(at, length); err != nil {
		return err
	}
	f.account()
	if !f.isLive() {
		return nil
	}
	return f.staged.SetModified(f.written(false).Mtime) // after a crash it counts
}
