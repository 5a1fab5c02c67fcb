package contents

import (
	"time"

	"clfsload/clfs"
	"clfsload/state"
)

// LiveAttributes fills in what the journal does not know yet, if the file is being
// written.
func (f *File) LiveAttributes(a *state.Attr) bool {
	f.meta.Lock()
	defer f.meta.Unlock()
	if f.live {
		a.Size, a.Mtime, a.Ctime = f.size, f.mtime, max(f.ctime, a.Ctime)
	}
	return f.live
}

// ChangeModified sets the modification time, once record has told the journal of it.
func (f *File) ChangeModified(mtime int64, record func() error) error {
	if f.isWritten() {
		// The end of its writing tells the journal the time that the file has.
		f.mu.Lock()
		defer f.mu.Unlock()
	}
	err := record()
	if err == nil {
		f.setModified(mtime)
	}
	return err
}

// setModified sets the modification time. mu is held, if the file is being written.
func (f *File) setModified(mtime int64) {
	f.meta.Lock()
	f.mtime = mtime
	live := f.live
	f.meta.Unlock()
	if !live || f.staged == nil {
		return
	}
	if err := f.staged.SetModified(mtime); err != nil {
		f.table.Log.Warn("the time of a staging file was not set", "inode", uint64(f.Ino), "error", err)
	}
}

// Now is the time in nanoseconds since 1970, or the nearest that CLFS can hold.
func Now() int64 {
	t := time.Now()
	held, _ := clfs.NewTime(t.Unix(), int64(t.Nanosecond()))
	return state.Nanoseconds(int64(held.Sec), int64(held.Nsec))
}
