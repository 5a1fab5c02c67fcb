package contents

import "clfsload/state"

// Sync makes the staged bytes durable, and tells the journal of them. What has
// settled is durable already.
func (f *File) Sync() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.load(); err != nil {
		return err
	}
	if !f.isLive() {
		n, err := f.table.Journal.Node(f.table.ctx, f.Ino)
		if err != nil || n.State != state.Dirty || n.Flags&(state.Content|state.Synced) != state.Content {
			return err
		}
	}
	if f.synced {
		return nil
	}
	if err := f.syncStaged(); err != nil {
		return err
	}
	if err := f.table.Journal.NoteWritten(f.table.ctx, f.Ino, f.written(true)); err != nil {
		return err
	}
	f.synced = true
	return nil
}

func (f *File) syncStaged() error {
	if f.staged == nil {
		return nil
	}
	if err := f.staged.Sync(); err != nil || f.named {
		return err
	}
	if err := f.table.Staging.SyncName(f.Ino); err != nil {
		return err
	}
	f.named = true
	return nil
}
