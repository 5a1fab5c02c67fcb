package contents

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"clfsload/fusefs/fetch"
	"clfsload/fusefs/staging"
	"clfsload/fusefs/writable/inodes"
	"clfsload/state"
)

// Options are what files need.
type Options struct {
	Journal     *state.Journal
	Staging     *staging.Store
	Container   Container
	Nodes       *inodes.Cache // is told what becomes of files by changes; nil: nothing is changed
	Log         *slog.Logger
	MaxFileSize int64           // bytes that a file may have
	Memory      int64           // bytes that blocks read from the container may take
	Unused      func(state.Ino) // if not nil, called when nobody works on a file any more
}

// A Table holds the files that are open or that a call works on.
type Table struct {
	Options
	ctx    context.Context // of everything that is done with files
	blocks *fetch.Cache[blockKey, []byte]

	mu    sync.Mutex
	files map[state.Ino]*File
}

// NewTable makes an empty table. ctx is that of the mount.
func NewTable(ctx context.Context, o Options) *Table {
	return &Table{Options: o, ctx: ctx, blocks: fetch.New[blockKey, []byte](ctx, o.Memory), files: map[state.Ino]*File{}}
}

// Find returns a file that somebody works on, or nil.
func (t *Table) Find(ino state.Ino) *File {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.files[ino]
}

// Acquire returns the file of an inode. It stays until it is released.
func (t *Table) Acquire(ino state.Ino) *File {
	t.mu.Lock()
	defer t.mu.Unlock()
	f := t.files[ino]
	if f == nil {
		f = &File{table: t, Ino: ino}
		t.files[ino] = f
	}
	f.users++
	return f
}

// LockIdle is Acquire for a file that nobody works on, and locks its contents.
// It returns nil if somebody does.
func (t *Table) LockIdle(ino state.Ino) *File {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.files[ino] != nil {
		return nil
	}
	f := &File{table: t, Ino: ino, users: 1}
	f.mu.Lock()
	t.files[ino] = f
	return f
}

// UnlockIdle gives back what LockIdle returned.
func (t *Table) UnlockIdle(f *File) {
	f.mu.Unlock()
	t.Release(f)
}

// Release gives back what Acquire returned.
func (t *Table) Release(f *File) {
	if !t.leave(f) {
		return
	}
	f.mu.Lock()
	f.shut()
	f.mu.Unlock()
	if t.Unused != nil {
		t.Unused(f.Ino)
	}
}

// leave takes a user away. It reports whether that was the last one; then the file
// is not in the table any more.
func (t *Table) leave(f *File) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	f.users--
	if f.users > 0 {
		return false
	}
	delete(t.files, f.Ino)
	return true
}

// Count is how many files somebody works on.
func (t *Table) Count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.files)
}

// all returns the files that somebody works on, each acquired.
func (t *Table) all() []*File {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := make([]*File, 0, len(t.files))
	for _, f := range t.files {
		f.users++
		list = append(list, f)
	}
	return list
}

// IsWritten reports whether a handle of an inode may write, or what was written is
// not in the journal yet.
func (t *Table) IsWritten(ino state.Ino) bool {
	f := t.Find(ino)
	return f != nil && f.isWritten()
}

// Settles reports whether a node goes to the engine without anybody closing or
// writing it again.
func (t *Table) Settles(n *state.Node) bool {
	return n.Flags&(state.Opened|state.Incomplete) == 0 && !t.IsWritten(n.Ino)
}

// OpenForWriting returns files that are open for writing, at most limit of them,
// and how many there are.
func (t *Table) OpenForWriting(limit int) (inos []state.Ino, total int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for ino, f := range t.files {
		if !f.isWritten() {
			continue
		}
		total++
		if len(inos) < limit {
			inos = append(inos, ino)
		}
	}
	return inos, total
}

// AnyReleasing reports whether a file is flushed and has handles that may write:
// mostly it was closed just now.
func (t *Table) AnyReleasing() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, f := range t.files {
		if f.writers.Load() > 0 && f.isFlushed() {
			return true
		}
	}
	return false
}

// ReopenLingering tells the journal of files that were flushed so long ago and not released.
func (t *Table) ReopenLingering(after time.Duration) {
	for _, f := range t.all() {
		if f.writers.Load() > 0 && f.mu.TryLock() {
			lingers, err := f.lingers(after)
			if err != nil {
				t.Log.Warn("a file that is open still would count as closed after a crash", "inode", uint64(f.Ino), "error", err)
			} else if lingers {
				f.setLive(true)
				f.shared = true
			}
			f.mu.Unlock()
		}
		t.Release(f)
	}
}

// Close closes all staging files. The error names files that a change was made to and not
// ended.
func (t *Table) Close() (err error) {
	for _, f := range t.all() {
		f.mu.Lock()
		if f.isLive() && f.writers.Load() == 0 {
			err = errors.Join(err, fmt.Errorf("inode %d was not closed", f.Ino))
		}
		f.shut()
		f.mu.Unlock()
	}
	return err
}

// A Container reads what is not in staging any more. It is used by many
// goroutines.
type Container interface {
	// Head reads the first 16 KiB of a file, fewer if it is smaller.
	Head(ctx context.Context, n state.Node) ([]byte, error)
	// Block reads the data segment of block index (from 1) as it was uploaded as
	// generation gen.
	Block(ctx context.Context, n state.Node, index, gen uint64) ([]byte, error)
}
