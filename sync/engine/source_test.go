package engine

import (
	"context"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"clfsload/clfs"
	"clfsload/state"
)

// noise is what the files of a fakeSource consist of: bytes that do not compress,
// from a place on that differs from file to file.
var noise = func() []byte {
	b := make([]byte, 1<<20)
	r := rand.NewChaCha8([32]byte{7})
	_, _ = r.Read(b) // it never fails
	return b
}()

// fill writes the contents at an offset of the file of a seed.
func fill(p []byte, seed, offset int64) {
	for n := 0; n < len(p); {
		n += copy(p[n:], noise[(seed*7919+offset+int64(n))%int64(len(noise)):])
	}
}

// fakeFile is a regular file whose bytes are computed when they are read.
type fakeFile struct {
	mu     sync.Mutex
	attr   state.Attr
	seed   int64
	opens  int
	reads  []int64 // offsets of the reads of further segments
	beyond int64   // bytes that it has more than its size says
	onOpen func(f *fakeFile, opens int)
	onRead func(f *fakeFile, offset int64) error
}

// change makes the file another one of a size, as a write does.
func (f *fakeFile) change(size int64) {
	f.attr.Size = size
	f.attr.Mtime++
	f.attr.Ctime++
	f.seed++
}

func (f *fakeFile) Attr() (state.Attr, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.attr, nil
}

func (f *fakeFile) ReadAt(p []byte, offset int64) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if offset > 0 && offset < f.attr.Size {
		f.reads = append(f.reads, offset)
	}
	if f.onRead != nil {
		if err := f.onRead(f, offset); err != nil {
			return 0, err
		}
	}
	n := min(int64(len(p)), max(f.attr.Size+f.beyond-offset, 0))
	fill(p[:n], f.seed, offset)
	if n < int64(len(p)) {
		return int(n), io.EOF
	}
	return int(n), nil
}

func (f *fakeFile) Close() error { return nil }

// fakeSource opens fakeFiles by their paths.
type fakeSource map[string]*fakeFile

func (s fakeSource) Open(_ state.Node, path string) (File, error) {
	f, ok := s[path]
	if !ok {
		return nil, unix.ENOENT
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.opens++
	if f.onOpen != nil {
		f.onOpen(f, f.opens)
	}
	return f, nil
}

// unused fails the test when nothing of a budget may be held any more.
func unused(t *testing.T, e *Engine) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Second)
	defer cancel()
	all, err := e.budget.Acquire(ctx, e.options.Memory)
	if err != nil {
		t.Fatal("a part of the memory budget was not given back")
	}
	all.Release()
}

var modes = map[clfs.Type]uint32{clfs.TypeRegular: 0o644, clfs.TypeDirectory: 0o755, clfs.TypeSymlink: 0o777}
