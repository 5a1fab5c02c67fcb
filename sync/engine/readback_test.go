package engine

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"clfsload/clfs"
	"clfsload/state"
	"clfsload/sync/blob"
	"clfsload/sync/blob/mem"
)

// What is read back is what was put there, or an error that names the blob.
func TestReadingBackRefusesWhatIsNotTheBlockWanted(t *testing.T) {
	c := mem.New()
	m := newMount(t, c)
	m.write("a", three, 1)
	m.write("b", three, 2)
	m.mustUpload()
	a, b := m.lookup("a"), m.lookup("b")
	key := m.journal.Settings.Key
	segment := func(n state.Node, index uint64) string {
		return clfs.ObjectName(clfs.SegmentID(key, n.ID, n.Gen, index), n.ID, clfs.TypeSegment, clfs.FirstVersion)
	}
	all := blobSet(t, c)
	read := func() error { _, err := m.engine.Block(t.Context(), a, 1, a.Gen); return err }
	head := func() error { _, err := m.engine.Head(t.Context(), a); return err }
	for _, x := range []struct {
		what, name, data string
		read             func() error
	}{
		{"a block of another file", segment(a, 0), all[segment(b, 0)], read},
		{"another block of the file", segment(a, 0), all[segment(a, 1)], read},
		{"a shorter block", segment(a, 0), all[segment(a, 2)], read},
		{"no object", segment(a, 0), "nothing that makes sense", read},
		{"a block that is cut", segment(a, 0), all[segment(a, 0)][:1000], read},
		{"an inode of another file", a.PutName(), all[b.PutName()], head},
		{"a block for an inode", a.PutName(), all[segment(a, 2)], head},
	} {
		t.Run(x.what, func(t *testing.T) {
			m.check(c.Put(t.Context(), x.name, []byte(x.data)))
			if err := x.read(); err == nil || !strings.Contains(err.Error(), x.name) {
				t.Errorf("error %v, want one that names %s", err, x.name)
			}
			m.check(c.Put(t.Context(), x.name, []byte(all[x.name])))
			m.check(x.read())
		})
	}
	m.check(c.Delete(t.Context(), segment(a, 0)))
	if err := read(); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("a block that is gone: %v", err)
	}
}

// evicted is a published file whose beginning was changed since, which was uploaded
// again and taken out of staging. It returns its row and what is in it.
func (m *mount) evicted() (state.Node, []byte) {
	m.t.Helper()
	ino := m.write("file", three, 1).Ino
	m.mustPublish()
	m.rewrite("file", []byte("later"), 3)
	m.mustUpload()
	n := m.lookup("file")
	gone, err := m.journal.Evict(m.t.Context(), []state.Settled{{Ino: ino, Seq: n.Seq}})
	if err != nil || len(gone) != 1 || n.State != state.Sealed {
		m.t.Fatalf("evict in state %d: %v, %v", n.State, gone, err)
	}
	whole := slices.Clone(m.staged[ino])
	clear(m.staged[ino])
	return m.lookup("file"), whole
}

func (m *mount) mustBegin(n state.Node, whole []byte) {
	m.t.Helper()
	if head, err := m.engine.Head(m.t.Context(), n); err != nil || string(head) != string(whole[:clfs.FirstSegmentBytes]) {
		m.t.Errorf("the head has %d bytes, %v", len(head), err)
	}
}

func TestAnEvictedFileIsReadBackAsItWasUploadedLast(t *testing.T) {
	m := newMount(t, mem.New())
	n, whole := m.evicted()
	m.mustBegin(n, whole)
	m.restart()
	m.mustBegin(m.lookup("file"), whole)
	m.mustPublish()
	m.mustBegin(n, whole) // by the row from before
	m.mustBegin(m.lookup("file"), whole)
	m.staged[n.Ino] = whole
	m.sound()
}

func TestAnEvictedFileNeedsNoStagingUnlessItsContentsChange(t *testing.T) {
	m := newMount(t, mem.New())
	n, whole := m.evicted()
	m.broken[n.Ino] = errors.New("there is no staging file")
	m.mkdir("d")
	m.chmod("file", 0o600)
	m.rename("file", "d/moved")
	m.link("d/moved", "d/other")
	m.mustPublish()
	m.mustBegin(m.lookup("d/other"), whole)
	m.staged[n.Ino] = whole
	m.sound()
}

// The rest of a file that is changed in a place is not in staging.
func TestAnEvictedFileThatIsChangedKeepsTheRest(t *testing.T) {
	for _, c := range []struct {
		what   string
		blocks []uint64 // that are fetched for the change
		change func(m *mount)
		want   func(whole []byte) []byte
	}{
		{"its second segment", []uint64{2}, func(m *mount) { m.rewrite("file", []byte("again"), clfs.FirstSegmentBytes+clfs.SegmentBytes) },
			func(p []byte) []byte { copy(p[clfs.FirstSegmentBytes+clfs.SegmentBytes:], "again"); return p }},
		{"its beginning", []uint64{0}, func(m *mount) { m.rewrite("file", []byte("again"), 5) },
			func(p []byte) []byte { copy(p[5:], "again"); return p }},
		{"its size, to a few bytes", []uint64{0}, func(m *mount) { m.truncate("file", 6) }, func(p []byte) []byte { return p[:6] }},
		{"its size, to less", []uint64{1}, func(m *mount) { m.truncate("file", one) }, func(p []byte) []byte { return p[:one] }},
		{"its size, to more", []uint64{3}, func(m *mount) { m.truncate("file", three+50) },
			func(p []byte) []byte { return append(p, make([]byte, 50)...) }},
		{"its size, to nothing", nil, func(m *mount) { m.truncate("file", 0) }, func([]byte) []byte { return nil }},
	} {
		for _, meanwhile := range []bool{false, true} {
			m := newMount(t, mem.New())
			n, whole := m.evicted()
			for _, b := range c.blocks {
				offset, length := state.BlockRange(b)
				copy(m.staged[n.Ino][offset:], whole[offset:min(offset+length, three)])
			}
			c.change(m)
			if meanwhile { // what it was is published before it is uploaded again
				_, err := m.engine.PublishMount(t.Context())
				m.check(err)
			}
			m.mustUpload()
			m.staged[n.Ino] = c.want(whole)
			if now := m.lookup("file"); now.Attr.Size > clfs.FirstSegmentBytes {
				m.mustBegin(now, m.staged[n.Ino])
			}
			m.mustPublish()
			if m.sound(); t.Failed() {
				t.Fatalf("%s was changed, with a publication meanwhile: %t", c.what, meanwhile)
			}
		}
	}
}
