package contents

import (
	"context"
	"errors"

	"clfsload/state"
)

// Evict punches those of the blocks out of the staging file that are uploaded, and returns how
// many.
func (f *File) Evict(ctx context.Context, blocks []uint64) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.load(); err != nil {
		if errors.Is(err, state.ErrNoEntry) {
			err = nil
		}
		return 0, err
	}
	evicted, err := f.table.Journal.EvictBlocks(ctx, f.Ino, blocks)
	if err != nil {
		return 0, err
	}
	n, rows, err := f.table.Journal.Layout(ctx, f.Ino)
	if err != nil {
		f.loaded, f.ready = false, false
		return 0, err
	}
	f.takeLayout(n, rows)
	for _, index := range evicted {
		if err := f.punch(index); err != nil {
			return 0, err
		}
	}
	return len(evicted), nil
}

// punch takes a remote block out of the staging file. mu is held.
func (f *File) punch(index uint64) error {
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
