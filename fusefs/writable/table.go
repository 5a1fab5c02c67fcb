package writable

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"clfsload/fusefs/internal/fetch"
	"clfsload/fusefs/staging"
	"clfsload/state"
)

// TableOptions are what files need.
type TableOptions struct {
	Journal     *state.Journal
	Staging     *staging.Store
	Container   Container
	Nodes       *nodes // is told what becomes of files by changes; nil: nothing is changed
	Log         *slog.Logger
	MaxFileSize int64           // bytes that a file may have
	Memory      int64           // bytes that blocks read from the container may take
	Unused      func(state.Ino) // if not nil, called when nobody works on a file any more
}

// A Table holds the files that are open or that a call works on.
type Table struct {
	TableOptions
	ctx    context.Context // of everything that is done with files
	blocks *fetch.Cache[blockKey, []byte]

	mu    sync.Mutex
	files map[state.Ino]*file
}

// NewTable makes an empty table. ctx is that of the mount.
func NewTable(ctx context.Context, o TableOptions) *Table {
	return &Table{TableOptions: o, ctx: ctx, blocks: fetch.New[blockKey, []byte](ctx, o.Memory), files: map[state.Ino]*file{}}
}

// find returns a file that somebody works on, or nil.
func (t *Table) find(ino state.Ino) *file {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.files[ino]
}

// acquire returns the file of an inode. It stays until it is released.
func (t *Table) acquire(ino state.Ino) *file {
	t.mu.Lock()
	defer t.mu.Unlock()
	f := t.files[ino]
	if f == nil {
		f = &file{table: t, ino: ino}
		t.files[ino] = f
	}
	f.users++
	return f
}

// lockIdle is acquire for a file that nobody works on, and locks its contents.
// It returns nil if somebody does.
func (t *Table) lockIdle(ino state.Ino) *file {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.files[ino] != nil {
		return nil
	}
	f := &file{table: t, ino: ino, users: 1}
	f.mu.Lock()
	t.files[ino] = f
	return f
}

// unlockIdle gives back what lockIdle returned.
func (t *Table) unlockIdle(f *file) {
	f.mu.Unlock()
	t.release(f)
}

// release gives back what acquire returned.
func (t *Table) release(f *file) {
	if !t.leave(f) {
		return
	}
	f.mu.Lock()
	f.shut()
	f.mu.Unlock()
	if t.Unused != nil {
		t.Unused(f.ino)
	}
}

// leave takes a user away. It reports whether that was the last one; then the file
// is not in the table any more.
func (t *Table) leave(f *file) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	f.users--
	if f.users > 0 {
		return false
	}
	delete(t.files, f.ino)
	return true
}

// count is how many files somebody works on.
func (t *Table) count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.files)
}

// all returns the files that somebody works on, each acquired.
func (t *Table) all() []*file {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := make([]*file, 0, len(t.files))
	for _, f := range t.files {
		f.users++
		list = append(list, f)
	}
	return list
}

// isWritten reports whether a handle of an inode may write, or what was written is
// not in the journal yet.
func (t *Table) isWritten(ino state.Ino) bool {
	f := t.find(ino)
	return f != nil && f.isWritten()
}

// settles reports whether a node goes to the engine without anybody closing or
// writing it again.
func (t *Table) settles(n *state.Node) bool {
	return n.Flags&(state.Opened|state.Incomplete) == 0 && !t.isWritten(n.Ino)
}

// openForWriting returns files that are open for writing, at most limit of them,
// and how many there are.
func (t *Table) openForWriting(limit int) (inos []state.Ino, total int) {
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

// anyReleasing reports whether a file is flushed and has handles that may write:
// mostly it was closed just now.
func (t *Table) anyReleasing() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, f := range t.files {
		if f.writers.Load() > 0 && f.isFlushed() {
			return true
		}
	}
	return false
}

// reopenLingering tells the journal of files that were flushed so long ago and not released.
func (t *Table) reopenLingering(after time.Duration) {
	for _, f := range t.all() {
		if f.writers.Load() > 0 && f.mu.TryLock() {
			lingers, err := f.lingers(after)
			if err != nil {
				t.Log.Warn("a file that is open still would count as closed after a crash", "inode", uint64(f.ino), "error", err)
			} else if lingers {
				f.setLive(true)
				f.shared = true
			}
			f.mu.Unlock()
		}
		t.release(f)
	}
}

// close closes all staging files. The error names files that a change was made to and not
// ended.
func (t *Table) close() (err error) {
	for _, f := range t.all() {
		f.mu.Lock()
		if f.isLive() && f.writers.Load() == 0 {
			err = errors.Join(err, fmt.Errorf("inode %d was not closed", f.ino))
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
