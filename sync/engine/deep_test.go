package engine

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"clfsload/clfs"
	"clfsload/clfs/compression"
	"clfsload/state"
	"clfsload/sync/blob/mem"
)

// allocations counts those that a function makes.
func allocations(fn func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	fn()
	runtime.ReadMemStats(&after)
	return after.Mallocs - before.Mallocs
}

func mustBeLinear(t *testing.T, what string, of func(depth int) uint64) {
	t.Helper()
	const depth, times = 100, 4
	shallow, deep := of(depth), of(times*depth)
	if deep > 2*times*shallow {
		t.Errorf("%s: %d allocations for %d levels, %d for %d", what, shallow, depth, deep, times*depth)
	}
}

func TestAChainOfDirectoriesIsUploadedAndPublishedInLinearWork(t *testing.T) {
	mustBeLinear(t, "publish a mount", func(depth int) uint64 {
		m := newMount(t, mem.New())
		dir := state.RootIno
		for i := range depth {
			now := m.now()
			n, err := m.journal.Add(t.Context(), state.Addition{Dir: dir, Name: []byte("d"), Attr: state.Attr{
				Type: clfs.TypeDirectory, Mode: 0o40755, Mtime: now, Ctime: now, Atime: now}})
			m.check(err)
			dir = n.Ino
			_, err = m.journal.Add(t.Context(), state.Addition{Dir: dir, Name: fmt.Append(nil, "link", i), Target: []byte("t"),
				Attr: state.Attr{Type: clfs.TypeSymlink, Mode: 0o120777, Size: 1, Mtime: now, Ctime: now, Atime: now}})
			m.check(err)
		}
		m.settle()
		return allocations(func() {
			m.mustUpload()
			if r := m.mustPublish(); r.Directories != int64(depth+1) {
				t.Errorf("%d directories", r.Directories)
			}
		})
	})
	mustBeLinear(t, "publish a load", func(depth int) uint64 {
		f := newFixture(t, compression.None)
		path := ""
		for range depth {
			path = strings.TrimPrefix(path+"/"+strings.Repeat("d", 100), "/")
			f.dir(path)
		}
		f.scanned()
		e := f.engine(mem.New(), 4)
		if err := e.Begin(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := e.Upload(t.Context(), f.source, closed); err != nil {
			t.Fatal(err)
		}
		return allocations(func() {
			if err := e.Publish(t.Context(), false); err != nil {
				t.Fatal(err)
			}
		})
	})
}

func TestBlocksOfALargeFileAreReservedAsTheUploadComesToThem(t *testing.T) {
	m := newMount(t, mem.New())
	n := m.add("f", clfs.TypeRegular, "")
	m.open(n.Ino)
	_, err := m.journal.Truncate(t.Context(), n.Ino, 16<<40, m.now())
	m.check(err)
	_, err = m.journal.EndWrite(t.Context(), n.Ino, state.Written{Size: 16 << 40, Mtime: 1e18, Ctime: 1e18})
	m.check(err)
	m.settle()
	w := newWorker(m.engine, m, &m.engine.flights[0])
	p := newBlockPlan(m.lookup("f"), nil)
	var peaks []uint64
	for _, block := range []uint64{1, 1023, 1024, 2048, 2049, p.count - 1} {
		m.check(w.reserve(t.Context(), &p, block))
		peaks = append(peaks, m.lookup("f").Reserved)
	}
	if want := []uint64{1024, 1024, 2049, 2049, 4099, p.count}; fmt.Sprint(peaks) != fmt.Sprint(want) {
		t.Errorf("reserved %d, want %d", peaks, want)
	}
	p = newBlockPlan(m.lookup("f"), nil)
	p.node.Reserved = 0
	m.unlink("f")
	if err := w.reserve(t.Context(), &p, 5); !errors.Is(err, errStale) {
		t.Errorf("of a file that was removed: %v", err)
	}
}
