package engine

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"clfsload/clfs"
	"clfsload/clfs/compression"
	"clfsload/clfs/object"
	"clfsload/state"
	"clfsload/sync/blob"
	"clfsload/sync/blob/faulty"
	"clfsload/sync/blob/mem"
	"clfsload/sync/tree"
)

// newAdoptedFile is a container with one file of so many blocks, of which the last has little and the
// given ones some bytes. The others are holes.
func newAdoptedFile(t *testing.T, count uint64, full ...uint64) (*adopted, spot) {
	t.Helper()
	r := rand.New(rand.NewPCG(count, 9))
	m := &maker{t: t, r: r, c: mem.New(), seq: clfs.FirstSequence + 10}
	m.root = m.add(nil, "tree", clfs.TypeDirectory, clfs.RootID).thing
	m.sparse("f", "0123456789abcdef", count, full...)
	m.finish()
	a := newAdoptedOf(t, r, m.c, m.root)
	return a, spot{nil, a.root, "f", a.root.entries["f"]}
}

// sparse adds a file of newAdoptedFile to the root.
func (m *maker) sparse(name string, id clfs.ID, count uint64, full ...uint64) *thing {
	f := &made{thing: &thing{id: id, typ: clfs.TypeRegular, mode: 0o644, names: 1,
		blocks: map[uint64][]byte{}, local: map[uint64]bool{}, foreign: foreign{segments: map[uint64]clfs.ID{}}}, name: name, back: []clfs.ID{clfs.RootID}}
	offset, _ := state.BlockRange(count - 1)
	f.size = offset + 10
	for _, index := range append(full, count-1) {
		f.blocks[index] = m.bytes(10)
	}
	m.root.entries[name] = f.thing
	m.all = append(m.all, f)
	return f.thing
}

// writeBlock writes some bytes into a block of a file.
func (m *adopted) writeBlock(s spot, index uint64) {
	m.t.Helper()
	ino := m.begin(s).Ino
	m.write1(ino, s.node, index, 3, m.random(20))
	m.end(ino, s.node)
}

// resizeTo gives a file so many blocks, of which the last has so many bytes.
func (m *adopted) resizeTo(s spot, count uint64, tail int64) {
	m.t.Helper()
	offset, _ := state.BlockRange(count - 1)
	ino := m.begin(s).Ino
	m.setSize(ino, s.node, offset+tail)
	m.end(ino, s.node)
}

// edges are numbers of blocks around those at which a block map gets another list.
var edges = []uint64{2, 1024, 1025, 5120, 5121, 5121 + 4096}

func TestAFileOfAnotherProgramIsCutOverwrittenAndRemovedAtAnySize(t *testing.T) {
	for i, from := range edges {
		for _, to := range []uint64{1, edges[max(i-1, 0)], from} {
			t.Run(fmt.Sprintf("%d to %d", from, to), func(t *testing.T) {
				m, f := newAdoptedFile(t, from, from/2)
				m.writeBlock(f, from-1)
				m.publish()
				m.resizeTo(f, to, 5)
				m.publish()
				m.writeBlock(f, to-1)
				m.writeBlock(f, to) // which is a block more
				m.publish()
				m.remove(f)
				m.publish()
			})
		}
	}
}

// What is cut and written again before it is uploaded has nothing of what was there.
func TestAFileOfAnotherProgramIsCutAndGrowsInOneUpload(t *testing.T) {
	for _, from := range []uint64{1025, 5122} {
		for _, to := range []uint64{1, 1023, 1024, 5120} {
			if to >= from {
				continue
			}
			t.Run(fmt.Sprintf("%d to %d", from, to), func(t *testing.T) {
				m, f := newAdoptedFile(t, from, to, from/2)
				m.resizeTo(f, to, 5)
				m.writeBlock(f, to)
				m.resizeTo(f, to, 9)
				m.resizeTo(f, to+2, 5)
				m.publish()
				m.evictAll()
				ino := m.begin(f).Ino
				m.fetch(ino, f.node, 0, to-1, to, to+1)
				m.end(ino, f.node)
				m.publish()
			})
		}
	}
}

// No blob that readers use is overwritten by a journal that has forgotten what it put.
func TestAFileThatWasDroppedIsWrittenAgain(t *testing.T) {
	m, f := newAdoptedFile(t, 3, 2)
	for range 3 {
		m.writeBlock(f, 2)
		m.publish()
		m.evictAll()
		if d, err := m.reader.Drop(t.Context(), state.RootIno, nil, unused2); err != nil || d.Count != 1 {
			t.Fatalf("dropped %+v, %v", d, err)
		}
	}
	if len(m.inner.wrong) > 0 {
		t.Error(m.inner.wrong)
	}
}

// evictAll takes all that is uploaded out of staging.
func (m *adopted) evictAll() {
	m.t.Helper()
	for list := []state.Node{{}}; len(list) > 0; {
		m.evictSome()
		var err error
		list, err = m.journal.Evictable(m.t.Context(), 1)
		m.check(err)
	}
}

// An upload that is repeated, because the process died before it was recorded, notes again what its
// map replaces.
func TestAnUploadOfAnEditedMapIsRepeated(t *testing.T) {
	for _, cut := range []uint64{2, 1024, 1030, 5120, 5125} {
		t.Run(fmt.Sprintf("cut to %d", cut), func(t *testing.T) {
			m, f := newAdoptedFile(t, 5130, 1, 1025, 1029, 5121, 5126)
			m.writeBlock(f, 1029)
			m.writeBlock(f, 5129)
			m.editsMap()
			m.restart(false)
			m.resizeTo(f, cut, 7)
			m.publish()
			m.remove(f)
			m.publish()
		})
	}
}

// editsMap is an upload of a file that puts its map and comes no further.
func (m *adopted) editsMap() {
	m.t.Helper()
	m.check(m.engine.Begin(m.t.Context()))
	m.settle()
	list, err := m.journal.QueuedNodes(m.t.Context(), 0, 2)
	m.check(err)
	w := newWorker(m.engine, m, &m.engine.flights[0])
	p := m.engine.planOf(m.t.Context(), &list[0])
	_, err = w.putMap(m.t.Context(), &p)
	m.check(err)
}

func (m *adopted) mustHaveNoBlocks(of clfs.ID) {
	m.t.Helper()
	for info, err := range blob.All(m.t.Context(), m.inner, "") {
		m.check(err)
		if n, err := clfs.ParseName(info.Name); err == nil && n.OwnerHash == of.Hash() && n.ID != of {
			m.t.Errorf("%s is left", info.Name)
		}
	}
}

// The deletion of a removed file goes on where it was cut off.
func TestTheRemovalOfATreeIsCutOffAnywhere(t *testing.T) {
	for skip := 0; ; skip += 2 {
		m, f := newAdoptedFile(t, 5125, 1, 1024, 1025, 5120, 5122)
		m.remove(f)
		m.check(m.uploads())
		m.faulty.On(faulty.Delete, faulty.Fault{Err: errCut, Skip: skip, After: skip%4 == 0})
		_, err := m.engine.PublishMount(t.Context())
		if err == nil {
			return
		}
		m.restart(false)
		m.publish()
		m.mustHaveNoBlocks(f.node.id)
		if t.Failed() {
			t.Fatalf("after %d deletes", skip)
		}
	}
}

// What leads to an indirect block that cannot be read can be removed, and keeps no publication
// back.
func TestAFileWithADamagedMapCanBeRemoved(t *testing.T) {
	for name, damage := range map[string]func(m *adopted, id clfs.ID, name string){
		"no object": func(m *adopted, _ clfs.ID, name string) { m.check(m.inner.Put(m.t.Context(), name, []byte("x"))) },
		"leads to itself": func(m *adopted, id clfs.ID, name string) {
			b := object.IndirectBlock{Blocks: []clfs.ID{id}, Tree: 1, Depth: 0, Owner: "0123456789abcdef"}
			m.check(m.inner.Container.Put(m.t.Context(), name, compression.Pack(nil, b.Append(nil), compression.None)))
		},
		"is gone": func(m *adopted, _ clfs.ID, name string) { m.check(m.inner.Container.Delete(m.t.Context(), name)) },
	} {
		t.Run(name, func(t *testing.T) {
			m, f := newAdoptedFile(t, 5125, 1, 1024, 1025, 5120, 5122)
			root := f.node.inode.Roots[1]
			o, err := tree.New(m.inner, tree.Options{}).Find(t.Context(), root)
			m.check(err)
			damage(m, root, o.Blob)
			m.remove(f)
			m.check(m.uploads())
			_, err = m.engine.PublishMount(t.Context())
			m.check(err)
			if _, err := tree.New(m.inner, tree.Options{}).Find(t.Context(), root); !tree.IsMissing(err) {
				t.Errorf("the block is there: %v", err)
			}
		})
	}
}
