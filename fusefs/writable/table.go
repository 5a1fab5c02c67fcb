package writable

import (
	"sync"

	"clfsload/state"
)

// table holds the files that are open or that a call works on.
type table struct {
	system *FS

	mu    sync.Mutex
	files map[state.Ino]*file
}

// find returns a file that somebody works on, or nil.
func (t *table) find(ino state.Ino) *file {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.files[ino]
}

// acquire returns the file of an inode. It stays until it is released.
func (t *table) acquire(ino state.Ino) *file {
	t.mu.Lock()
	defer t.mu.Unlock()
	f := t.files[ino]
	if f == nil {
		f = &file{system: t.system, ino: ino}
		t.files[ino] = f
	}
	f.users++
	return f
}

// acquireIdle is acquire for a file that nobody works on, and locks its contents.
// It returns nil if somebody does.
func (t *table) acquireIdle(ino state.Ino) *file {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.files[ino] != nil {
		return nil
	}
	f := &file{system: t.system, ino: ino, users: 1}
	f.mu.Lock()
	t.files[ino] = f
	return f
}

// leave takes a user away. It reports whether that was the last one; then the file
// is not in the table any more.
func (t *table) leave(f *file) bool {
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
func (t *table) count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.files)
}

// all returns the files that somebody works on, each acquired.
func (t *table) all() []*file {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := make([]*file, 0, len(t.files))
	for _, f := range t.files {
		f.users++
		list = append(list, f)
	}
	return list
}

// writing reports whether a handle of an inode may write, or what was written is
// not in the journal yet.
func (t *table) writing(ino state.Ino) bool {
	f := t.find(ino)
	return f != nil && f.isWritten()
}

// release gives back what acquire returned.
func (s *FS) release(f *file) {
	if !s.files.leave(f) {
		return
	}
	f.mu.Lock()
	f.shut()
	f.mu.Unlock()
	s.unused(f.ino)
}

// inUse reports whether a node has handles. The journal keeps the row of such a
// one when its last name is removed.
func (s *FS) inUse(ino state.Ino) bool { return s.files.find(ino) != nil || s.directories.has(ino) }
