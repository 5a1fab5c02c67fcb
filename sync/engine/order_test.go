package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"clfsload/clfs"
	"clfsload/clfs/compression"
	"clfsload/clfs/object"
	"clfsload/sync/blob"
	"clfsload/sync/blob/mem"
)

// spy is a container that shows every Put, and that has a Sync.
type spy struct {
	*mem.Container
	before func(name string, data []byte) error // refuses the blob
	after  func(name string, data []byte)
	onSync func() error
}

func (s *spy) Put(ctx context.Context, name string, data []byte) error {
	if s.before != nil {
		if err := s.before(name, data); err != nil {
			return err
		}
	}
	if err := s.Container.Put(ctx, name, data); err != nil {
		return err
	}
	if s.after != nil {
		s.after(name, data)
	}
	return nil
}

func (s *spy) Sync(context.Context) error {
	if s.onSync == nil {
		return nil
	}
	return s.onSync()
}

func nameOf(t *testing.T, blobName string) clfs.Name {
	t.Helper()
	n, err := clfs.ParseName(blobName)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// references returns the ids that an object leads to.
func references(n clfs.Name, data []byte) ([]clfs.ID, error) {
	payload, _, err := compression.Unpack(data, object.MaxSegmentPayload)
	if err != nil {
		return nil, err
	}
	switch n.Type {
	case clfs.TypeSegment:
		s, err := object.DecodeSegment(payload)
		if err != nil {
			return nil, err
		}
		return entries(s.Dirents)
	case clfs.TypeIndirect:
		b, err := object.DecodeIndirect(payload)
		return b.Blocks, err
	}
	in, err := object.DecodeInode(payload)
	if err != nil {
		return nil, err
	}
	to, err := entries(in.Dirents)
	to = append(to, in.Direct[1:]...)
	for _, root := range in.Roots {
		if !root.IsNull() {
			to = append(to, root)
		}
	}
	return to, err
}

func entries(raw []byte) ([]clfs.ID, error) {
	var to []clfs.ID
	for d, err := range object.Dirents(raw) {
		if err != nil {
			return nil, err
		}
		if name := string(d.Name); name != "." && name != ".." {
			to = append(to, d.ID)
		}
	}
	return to, nil
}

// mixed makes a tree with something of everything that has an order.
func (f *fixture) mixed() {
	f.t.Helper()
	f.file("small", 5)
	f.file("empty", 0)
	f.file("one", clfs.FirstSegmentBytes+3)
	f.file("two", clfs.FirstSegmentBytes+clfs.SegmentBytes+9)
	f.dir("d")
	f.dir("d/e")
	f.dir("d/e/f")
	f.dir("empty.d")
	f.file("d/e/f/deep", 100)
	f.add("d", f.symlink("link", "../small"))
	f.wide("d/wide", 100)
	f.hardlinks("d/e", "h1", "h2", "h3")
	f.scanned()
}

// Nothing leads to directories before the root does, so they come in any order.
func TestObjectsArePutAfterAllThatTheyReferTo(t *testing.T) {
	f := newFixture(t, compression.LZ4)
	f.mixed()
	var mu sync.Mutex
	there, last := map[clfs.ID]bool{}, clfs.ID("")
	c := &spy{Container: mem.New()}
	c.before = func(name string, data []byte) error {
		n := nameOf(t, name)
		if n.ID == clfs.BucketID {
			return nil
		}
		to, err := references(n, data)
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		for _, id := range to {
			if h, err := clfs.ParseHandle(id); !there[id] && (n.ID == clfs.RootID || err != nil || h.Type != clfs.TypeDirectory) {
				return fmt.Errorf("%s refers to %s, which is not there yet", name, id)
			}
		}
		if last == clfs.RootID {
			return fmt.Errorf("%s is put after the root", name)
		}
		return nil
	}
	c.after = func(name string, _ []byte) {
		mu.Lock()
		defer mu.Unlock()
		if id := nameOf(t, name).ID; id != clfs.BucketID { // it has a mark that is closed in the end
			last = id
			there[last] = true
		}
	}
	f.mustLoad(c)
	f.sound(c)
	if last != clfs.RootID {
		t.Errorf("the last object is %s", last)
	}
}

// With a container whose Put is not durable, nothing may be done in the journal
// before a Sync that came after its Put.
func TestNothingIsRecordedBeforeItIsDurable(t *testing.T) {
	f := newFixture(t, compression.LZ4)
	f.mixed()
	var mu sync.Mutex
	put, durable := map[clfs.ID]bool{}, uint64(0)
	c := &spy{Container: mem.New()}
	c.after = func(name string, _ []byte) {
		n := nameOf(t, name)
		mu.Lock()
		defer mu.Unlock()
		if n.Type.IsInode() && n.ID != clfs.BucketID {
			put[n.ID] = true
		}
	}
	check := func() {
		if done := f.journal.Totals().DoneInodes; done > durable {
			t.Errorf("%d inodes are done, %d are durable", done, durable)
		}
	}
	c.onSync = func() error {
		mu.Lock()
		defer mu.Unlock()
		check()
		durable = uint64(len(put))
		return nil
	}
	f.mustLoad(c)
	check()
	if want := f.journal.Totals().FoundInodes; durable != want {
		t.Errorf("%d inodes are durable in the end, want %d", durable, want)
	}
}

func TestWhenSyncFailsNothingIsRecordedAndTheRunStops(t *testing.T) {
	f := newFixture(t, compression.None)
	f.file("a", 1)
	f.scanned()
	broken := errors.New("disk is gone")
	begun := false
	c := &spy{Container: mem.New()}
	c.onSync = func() error {
		if begun {
			return broken
		}
		begun = true // that of the bucket object
		return nil
	}
	if err := f.load(t.Context(), c); !errors.Is(err, broken) {
		t.Errorf("load ends with %v", err)
	}
	if done := f.journal.Totals().DoneInodes; done != 0 {
		t.Errorf("%d inodes are done", done)
	}
}

func TestTheRootIsPutAfterAllDirectories(t *testing.T) {
	f := newFixture(t, compression.None)
	for _, d := range []string{"a", "a/b", "a/b/c", "a/d", "e", "e/f"} {
		f.dir(d)
	}
	f.scanned()
	var mu sync.Mutex
	var order []clfs.ID
	c := &spy{Container: mem.New()}
	c.after = func(name string, _ []byte) {
		mu.Lock()
		defer mu.Unlock()
		if n := nameOf(t, name); n.ID != clfs.BucketID {
			order = append(order, n.ID)
		}
	}
	f.mustLoad(c)
	if len(order) != len(f.dirs) || order[len(order)-1] != clfs.RootID {
		t.Errorf("the order of writing: %v", order)
	}
	f.sound(c)
}

var _ blob.Syncer = (*spy)(nil)
