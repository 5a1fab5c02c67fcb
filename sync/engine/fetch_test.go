package engine

import (
	"errors"
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
	all := blobs(t, c)
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
		{"an inode of another file", putName(a), all[putName(b)], head},
		{"a block for an inode", putName(a), all[segment(a, 2)], head},
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
