package writable

import (
	"context"
	"fmt"
	"time"

	"clfsload/clfs"
	"clfsload/fusefs/writable/contents"
	"clfsload/state"
)

// settlePage is how many nodes are settled in one transaction.
const settlePage = 1000

// settling hands what has settled to the engine, until the file system is closed.
func (s *FS) settling() {
	s.every(min(max(s.options.Settle/2, 50*time.Millisecond), time.Second), "settle", func() error {
		s.endUnended()
		s.files.ReopenLingering(contents.ReopenAfter)
		return s.settle(s.ctx, s.options.Settle)
	})
}

// settle hands all closed files to the engine that were not changed for a while.
func (s *FS) settle(ctx context.Context, age time.Duration) error {
	s.settleLock.Lock()
	defer s.settleLock.Unlock()
	var after state.Ino
	for {
		list, err := s.journal.Unsettled(ctx, after, settlePage)
		if err != nil || len(list) == 0 {
			return err
		}
		after = list[len(list)-1].Ino
		if err := s.settlePage(ctx, list, age); err != nil {
			return fmt.Errorf("settle: %w", err)
		}
		if len(list) < settlePage {
			return nil
		}
	}
}

func (s *FS) settlePage(ctx context.Context, list []state.Node, age time.Duration) error {
	clock := time.Now().UnixNano() // which may be past what CLFS can hold
	latest := clock - int64(age)
	var settled []state.Settled
	staged := false
	for i := range list {
		n := &list[i]
		if !s.files.Settles(n) {
			continue
		}
		// A time to come means that the clock was set back.
		if n.Attr.Ctime > latest && n.Attr.Ctime <= clock && age > 0 {
			continue
		}
		settled = append(settled, state.Settled{Ino: n.Ino, Seq: n.Seq})
		if n.Attr.Type == clfs.TypeRegular && n.Attr.Size > 0 && n.Flags&(state.Content|state.Synced) != state.Synced {
			staged = true
		}
	}
	if len(settled) == 0 {
		return nil
	}
	if staged {
		if err := s.staging.SyncFS(); err != nil {
			return err
		}
	}
	return s.journal.Settle(ctx, settled)
}

// releaseWait is how long SettleNow waits for files that were closed and whose
// release the kernel did not send yet.
const releaseWait = time.Second

// SettleNow hands everything that is closed to the engine, without waiting until it
// stays unchanged for some time, and lets go of what was removed. Files that are
// open for writing are left alone.
func (s *FS) SettleNow(ctx context.Context) error {
	if err := s.awaitReleases(ctx); err != nil {
		return err
	}
	s.endUnended()
	if err := s.settle(ctx, 0); err != nil {
		return err
	}
	return s.reaper.Reap(ctx)
}

// awaitReleases waits a while for the releases of files that were flushed. What has
// none by then is in use.
func (s *FS) awaitReleases(ctx context.Context) error {
	deadline := time.Now().Add(releaseWait)
	for s.files.AnyReleasing() && time.Now().Before(deadline) {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(10 * time.Millisecond):
		}
	}
	s.files.ReopenLingering(0)
	return nil
}

// endUnended tells the journal of files whose close it could not be told of.
func (s *FS) endUnended() {
	for _, ino := range s.unended.List() {
		f := s.files.Find(ino)
		if f == nil {
			s.unended.Remove(ino)
			continue
		}
		if f.EndUnwritten() == nil && s.unended.Remove(ino) {
			s.files.Release(f) // the one that the handle left behind
		}
	}
}

// IsWritten reports whether a file is open for writing, though a close of some
// descriptor may have counted as the last one.
func (s *FS) IsWritten(ino state.Ino) bool { return s.files.IsWritten(ino) }

// OpenForWriting returns files that are open for writing, at most limit of them,
// and how many there are.
func (s *FS) OpenForWriting(limit int) (inos []state.Ino, total int) {
	return s.files.OpenForWriting(limit)
}
