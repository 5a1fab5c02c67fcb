package engine

import (
	"errors"
	"sync"
	"testing"

	"clfsload/clfs"
	"clfsload/clfs/compression"
	"clfsload/clfs/object"
	"clfsload/sync/blob/mem"
	"clfsload/sync/engine/bucket"
)

// markOf is the mark that a container has.
func markOf(t *testing.T, m *mem.Container) object.Mark {
	t.Helper()
	o, err := m.Get(t.Context(), bucket.Name, 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	payload, _, err := compression.Unpack(o.Data, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	b, err := object.DecodeBucket(payload)
	if err != nil || b.Mark == nil {
		t.Fatalf("bucket object %+v: %v", b, err)
	}
	return *b.Mark
}

// Before anything that a reader may reach is put, the container says which publication
// it belongs to: once for each publication.
func TestAPublicationBeginsWithItsMark(t *testing.T) {
	inner := mem.New()
	c := &spy{Container: inner}
	var mu sync.Mutex
	var puts []string
	c.after = func(name string, _ []byte) {
		mu.Lock()
		defer mu.Unlock()
		puts = append(puts, name)
	}
	m := newMount(t, c)
	m.mkdir("d")
	m.write("d/f", 100, 1)
	m.mustPublish()
	first := markOf(t, inner)
	if first.Publication != 1 || first.Open != object.OpenMount {
		t.Errorf("mark of the first publication: %+v", first)
	}
	m.chmod("d/f", 0o600)
	m.rename("d/f", "f")
	m.mustUpload()
	puts = nil
	m.mustPublish()
	marks := 0
	for _, name := range puts {
		if name == bucket.Name {
			marks++
		}
	}
	if len(puts) < 3 || puts[0] != bucket.Name || marks != 1 {
		t.Errorf("the puts were %q", puts)
	}
	if second := markOf(t, inner); second.Publication != 2 || second.ID == first.ID {
		t.Errorf("mark of the second publication: %+v", second)
	}
}

// Whoever goes on with a journal that does not know what the container holds writes
// nothing: neither at the start, nor when that changes later.
func TestNothingIsWrittenOverThePublicationOfAnother(t *testing.T) {
	c := mem.New()
	m := newMount(t, c)
	m.write("f", 100, 1)
	m.mustPublish()
	b, err := m.engine.bucket.Read(t.Context())
	m.check(err)
	b.Mark.ID = "another"
	m.check(m.engine.bucket.Put(t.Context(), b))
	m.rewrite("f", []byte("new"), 0)
	before := blobSet(t, c)
	for name, call := range map[string]func() error{
		"begin":   func() error { return m.engine.Begin(t.Context()) },
		"open":    func() error { return m.engine.Open(t.Context()) },
		"close":   func() error { return m.engine.Close(t.Context()) },
		"publish": func() error { _, err := m.engine.PublishMount(t.Context()); return err },
		"confirm": func() error { return m.engine.Confirm(t.Context()) },
	} {
		if err := call(); !errors.Is(err, bucket.ErrOtherPublication) {
			t.Errorf("%s: %v", name, err)
		}
	}
	same(t, blobSet(t, c), before)
}

// Whoever goes on draws an id, so that a copy of STATE of before is noticed also if nothing
// was published since. To close changes nothing else.
func TestEachStartIsMarked(t *testing.T) {
	c := mem.New()
	m := newMount(t, c)
	m.write("f", 100, 1)
	m.mustPublish()
	before := markOf(t, c)
	m.check(m.engine.Open(t.Context()))
	open := markOf(t, c)
	m.check(m.engine.Close(t.Context()))
	closed := markOf(t, c)
	if open.ID == before.ID || open.Publication != 1 || open.Time != before.Time || open.Open != object.OpenMount {
		t.Errorf("opened: %+v, before: %+v", open, before)
	}
	open.Open = ""
	if closed != open {
		t.Errorf("closed: %+v, before: %+v", closed, open)
	}
	m.check(m.engine.Begin(t.Context()))
}

// A program that writes no marks shows itself by the root that it has put, also while a
// mount runs.
func TestARootOfAnotherProgramIsNoticed(t *testing.T) {
	c := mem.New()
	m := newMount(t, c)
	m.write("f", 100, 1)
	m.mustPublish()
	root := m.lookup("/")
	o, err := c.Get(t.Context(), root.PutName(), 0, -1)
	m.check(err)
	m.check(c.Put(t.Context(), clfs.ObjectName(clfs.RootID, clfs.RootID, clfs.TypeDirectory, root.PutVersion+7), o.Data))
	m.mkdir("d")
	before := blobSet(t, c)
	if err := m.engine.Confirm(t.Context()); !errors.Is(err, bucket.ErrOtherPublication) {
		t.Errorf("confirm: %v", err)
	}
	if _, err := m.engine.PublishMount(t.Context()); !errors.Is(err, bucket.ErrOtherPublication) {
		t.Errorf("publish: %v", err)
	}
	same(t, blobSet(t, c), before)
}
