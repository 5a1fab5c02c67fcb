package blockmap_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"clfsload/clfs"
	"clfsload/clfs/blockmap"
	"clfsload/clfs/object"
)

const (
	endOfDirect = clfs.MaxDirect
	endOfTree0  = clfs.MaxDirect + tree0Blocks
	endOfTree1  = endOfTree0 + tree1Blocks
)

// edges are numbers of blocks at which the shape of a block map changes.
var edges = []uint64{
	1, 2, 10, endOfDirect - 1, endOfDirect, endOfDirect + 1, endOfTree0 - 1, endOfTree0, endOfTree0 + 1,
	endOfTree0 + tree0Blocks - 1, endOfTree0 + tree0Blocks, endOfTree0 + tree0Blocks + 1, endOfTree0 + 3*tree0Blocks + 7,
	endOfTree1 - tree0Blocks, endOfTree1 - 1, endOfTree1, endOfTree1 + 1, endOfTree1 + tree0Blocks + 3, endOfTree1 + 2*tree1Blocks + 5,
}

const mostNew = 12_000 // blocks that a random edit adds

// randomEdit makes a case of edges and blocks near them.
func randomEdit(r *rand.Rand) editCase {
	near := func(most uint64) uint64 {
		edge := edges[r.IntN(len(edges))] + r.Uint64N(3)*r.Uint64N(200)
		return min(edge, most)
	}
	c := editCase{seed: r.Uint64(), odd: r.IntN(3) > 0, newHoles: r.IntN(3) == 0}
	c.old = near(1 << 40)
	c.keep = c.old
	if r.IntN(2) == 0 {
		c.keep = near(c.old)
	}
	c.blocks = c.keep
	if r.IntN(2) == 0 {
		c.blocks = min(max(c.keep, near(1<<40)), c.keep+mostNew)
	}
	for range r.IntN(4) {
		c.changed = append(c.changed, near(c.keep), r.Uint64N(c.keep))
	}
	c.changed = slices.DeleteFunc(c.changed, func(b uint64) bool { return b == 0 || b >= c.keep })
	slices.Sort(c.changed)
	c.changed = slices.Compact(c.changed)
	return c
}

func TestEditKeepsWhatStandsAndReportsTheRest(t *testing.T) {
	for i := range uint64(150) {
		c := randomEdit(rand.New(rand.NewPCG(11, i)))
		newEditCheck(t, c).run()
		if t.Failed() {
			t.Fatalf("case %d: %+v", i, c)
		}
	}
}

func FuzzEdit(f *testing.F) {
	for i := range uint64(10) {
		f.Add(i, uint64(endOfTree0), uint64(5000), uint64(endOfTree0+9), uint64(1500), byte(i))
	}
	f.Fuzz(func(t *testing.T, seed, old, keep, blocks, changed uint64, flags byte) {
		c := editCase{seed: seed, odd: flags&1 > 0, newHoles: flags&2 > 0}
		c.old = old%(endOfTree1+3*tree0Blocks) + 1
		c.keep = keep%c.old + 1
		c.blocks = c.keep + blocks%mostNew
		for _, block := range []uint64{changed % c.keep, changed / 3 % c.keep} {
			if block > 0 && !slices.Contains(c.changed, block) {
				c.changed = append(c.changed, block)
			}
		}
		slices.Sort(c.changed)
		newEditCheck(t, c).run()
	})
}

// A mapShape is the entries of all lists of a block map in order, an X for each id of an indirect block.
type mapShape struct {
	ids    []clfs.ID
	counts []int
}

func (s *mapShape) add(list []clfs.ID, p mapPlace, block func(clfs.ID, mapPlace) []clfs.ID) {
	s.counts = append(s.counts, len(list))
	for i, id := range list {
		s.addEntry(id, p.child(i), block)
	}
}

func (s *mapShape) addEntry(id clfs.ID, p mapPlace, block func(clfs.ID, mapPlace) []clfs.ID) {
	if p.isSegment() || id.IsNull() {
		s.ids = append(s.ids, id)
		return
	}
	s.ids = append(s.ids, "X")
	s.add(block(id, p), p, block)
}

func shapeOf(direct []clfs.ID, roots [4]clfs.ID, block func(clfs.ID, mapPlace) []clfs.ID) *mapShape {
	s := &mapShape{}
	s.add(direct, directPlace, block)
	for tree, root := range roots {
		s.addEntry(root, rootPlace(tree), block)
	}
	return s
}

// builtShape is the shape of the map that a Builder makes of the blocks of an edit.
func (c *editCase) builtShape(t *testing.T) *mapShape {
	emitted := map[clfs.ID][]clfs.ID{}
	b := blockmap.NewBuilder(clfs.RootID, func(tree, depth int, index uint64) clfs.ID { return numberID(indirectNumber(tree, depth, index)) },
		func(id clfs.ID, b object.IndirectBlock) error {
			emitted[id] = slices.Clone(b.Blocks)
			return nil
		})
	for block := uint64(1); block < c.blocks; block++ {
		id := padded(block)
		if c.isNew(block) {
			id = c.newID(block)
		}
		if err := b.Add(id); err != nil {
			t.Fatal(err)
		}
	}
	direct, roots, err := b.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return shapeOf(direct, roots, func(id clfs.ID, _ mapPlace) []clfs.ID { return emitted[id] })
}

func TestEditMakesWhatMapBuilderMakes(t *testing.T) {
	small := edges[:slices.Index(edges, endOfTree0+3*tree0Blocks+7)]
	r := rand.New(rand.NewPCG(12, 1))
	for _, old := range small {
		for _, blocks := range small {
			c := editCase{old: old, blocks: blocks, keep: min(old, blocks), newHoles: r.IntN(2) == 0}
			c.keep -= r.Uint64N(2) * r.Uint64N(c.keep)
			for range r.IntN(3) {
				c.changed = append(c.changed, 1+r.Uint64N(c.keep))
			}
			slices.Sort(c.changed)
			c.changed = slices.DeleteFunc(slices.Compact(c.changed), func(b uint64) bool { return b >= c.keep })
			e := newEditCheck(t, c)
			e.run()
			got := shapeOf(e.direct, e.roots, func(id clfs.ID, p mapPlace) []clfs.ID {
				if list := e.emitted[id]; list != nil {
					return list
				}
				return c.oldList(p)
			})
			if want := c.builtShape(t); !reflect.DeepEqual(got, want) {
				t.Errorf("%+v: lists of %v entries, want %v, or ids differ", c, got.counts, want.counts)
			}
		}
	}
}

// A replacedID is what a Edit reported.
type replacedID struct {
	kind blockmap.Replaced
	id   clfs.ID
}

// A storedMap is an old block map whose indirect blocks are in memory, and the changes.
type storedMap struct {
	blocks   map[clfs.ID][]clfs.ID
	changes  map[uint64]clfs.ID
	read     []clfs.ID
	emitted  map[clfs.ID][]clfs.ID
	replaced []replacedID
}

func (s *storedMap) edit(direct []clfs.ID, roots [4]clfs.ID, old, keep, blocks uint64) *blockmap.Edit {
	s.emitted = map[clfs.ID][]clfs.ID{}
	return &blockmap.Edit{Direct: direct, Roots: roots, Old: old, Keep: keep, Blocks: blocks,
		NextNew: func(from uint64) (uint64, clfs.ID, error) {
			for block := from; block < blocks; block++ {
				if id, ok := s.changes[block]; ok {
					return block, id, nil
				}
			}
			return 0, "", nil
		},
		NewIndirect: func(tree, depth int, index uint64) clfs.ID {
			return clfs.ID(fmt.Sprintf("new %d/%d/%d", tree, depth, index))
		},
		Read: func(id clfs.ID, tree, depth int) (object.IndirectBlock, error) {
			s.read = append(s.read, id)
			return object.IndirectBlock{Blocks: s.blocks[id], Tree: tree, Depth: depth}, nil
		},
		Emit: func(id clfs.ID, b object.IndirectBlock) error {
			s.emitted[id] = slices.Clone(b.Blocks)
			return nil
		},
		Replaced: func(kind blockmap.Replaced, id clfs.ID) error {
			s.replaced = append(s.replaced, replacedID{kind, id})
			return nil
		},
	}
}

// manyIDs makes n ids, of 1 to 64 bytes.
func manyIDs(name string, n int) []clfs.ID {
	list := make([]clfs.ID, n)
	for i := range list {
		id := binary.AppendUvarint([]byte(name), uint64(i)+1)
		list[i] = clfs.ID(id) + clfs.ID(strings.Repeat(".", i%(clfs.MaxIDBytes-len(id)+1)))
	}
	return list
}

// emptyLeafMap is as CLFSLoad leaves a file that ends with a full leaf.
func emptyLeafMap() (*storedMap, []clfs.ID, [4]clfs.ID) {
	s := &storedMap{blocks: map[clfs.ID][]clfs.ID{"root0": manyIDs("t", tree0Blocks), "root1": {"leaf", "empty"}, "leaf": manyIDs("l", tree0Blocks), "empty": {}}}
	return s, append([]clfs.ID{"own"}, manyIDs("d", directBlocks)...), [4]clfs.ID{"root0", "root1", clfs.NullBlock, clfs.NullBlock}
}

const endOfLeaf = endOfTree0 + tree0Blocks

func TestEditOfTheEmptyLeafOfCLFSLoad(t *testing.T) {
	for _, c := range []struct {
		name     string
		blocks   uint64
		change   uint64 // one block; 0: none
		read     []clfs.ID
		replaced []replacedID
		emitted  int
	}{
		{"nothing changes", endOfLeaf, 0, nil, nil, 0},
		{"nothing above it changes", endOfLeaf, endOfTree0 - 1, []clfs.ID{"root0"}, []replacedID{{blockmap.ReplacedSegment, manyIDs("t", tree0Blocks)[tree0Blocks-1]}, {blockmap.ReplacedIndirect, "root0"}}, 1},
		{"the leaf beside it changes", endOfLeaf, endOfTree0, []clfs.ID{"root1", "leaf"},
			[]replacedID{{blockmap.ReplacedSegment, manyIDs("l", 1)[0]}, {blockmap.ReplacedIndirect, "leaf"}, {blockmap.ReplacedSubtree, "empty"}, {blockmap.ReplacedIndirect, "root1"}}, 2},
		{"the file grows", endOfLeaf + 1, endOfLeaf, []clfs.ID{"root1"}, []replacedID{{blockmap.ReplacedSubtree, "empty"}, {blockmap.ReplacedIndirect, "root1"}}, 2},
		{"its tree goes", endOfTree0, 0, nil, []replacedID{{blockmap.ReplacedSubtree, "root1"}}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, direct, roots := emptyLeafMap()
			s.changes = map[uint64]clfs.ID{c.change: "changed"}
			_, _, err := s.edit(direct, roots, endOfLeaf, min(endOfLeaf, c.blocks), c.blocks).Run()
			if err != nil || !slices.Equal(s.read, c.read) || !slices.Equal(s.replaced, c.replaced) || len(s.emitted) != c.emitted {
				t.Errorf("read %v, replaced %v, emitted %d, %v; want %v, %v, %d", s.read, s.replaced, len(s.emitted), err, c.read, c.replaced, c.emitted)
			}
		})
	}
}

func TestEditPadsBeforeAnEntryAndNotBehindTheLast(t *testing.T) {
	s := &storedMap{blocks: map[clfs.ID][]clfs.ID{"r": {"a", "", "\x00"}}, changes: map[uint64]clfs.ID{3: "new 3", endOfDirect + 5: "new"}}
	direct, roots, err := s.edit([]clfs.ID{"own", "1"}, [4]clfs.ID{"r"}, 2000, 2000, 2000).Run()
	null := clfs.NullBlock
	if want := []clfs.ID{"own", "1", null, "new 3"}; err != nil || !slices.Equal(direct, want) {
		t.Errorf("direct list %q, %v, want %q", direct, err, want)
	}
	if got, want := s.emitted["new 0/0/0"], []clfs.ID{"a", null, null, null, null, "new"}; !slices.Equal(got, want) {
		t.Errorf("indirect block %q, want %q", got, want)
	}
	if want := [4]clfs.ID{"new 0/0/0", null, null, null}; roots != want {
		t.Errorf("roots %q, want %q", roots, want)
	}
}

// A put that is done again has the ids that it had before.
func TestEditReportsNoIDThatStaysTheSame(t *testing.T) {
	s := &storedMap{blocks: map[clfs.ID][]clfs.ID{"r": {"a", "b"}}, changes: map[uint64]clfs.ID{2: "2", endOfDirect + 1: "b"}}
	old := append([]clfs.ID{"own", "1", "2"}, manyIDs("d", directBlocks-2)...)
	direct, roots, err := s.edit(old, [4]clfs.ID{"r"}, endOfDirect+2, endOfDirect+2, endOfDirect+2).Run()
	if err != nil || !slices.Equal(direct, old) || roots[0] != "r" || len(s.replaced)+len(s.emitted) > 0 {
		t.Errorf("root %v, replaced %v, emitted %v, %v", roots[0], s.replaced, s.emitted, err)
	}
}

func TestEditFailsAsItsCallbacksDo(t *testing.T) {
	broken := errors.New("broken")
	for name, breakIt := range map[string]func(e *blockmap.Edit){
		"NextNew": func(e *blockmap.Edit) { e.NextNew = func(uint64) (uint64, clfs.ID, error) { return 0, "", broken } },
		"Read": func(e *blockmap.Edit) {
			e.Read = func(clfs.ID, int, int) (b object.IndirectBlock, err error) { return b, broken }
		},
		"Emit":     func(e *blockmap.Edit) { e.Emit = func(clfs.ID, object.IndirectBlock) error { return broken } },
		"Replaced": func(e *blockmap.Edit) { e.Replaced = func(blockmap.Replaced, clfs.ID) error { return broken } },
	} {
		s, direct, roots := emptyLeafMap()
		s.changes = map[uint64]clfs.ID{endOfTree0: "changed"}
		e := s.edit(direct, roots, endOfLeaf, endOfLeaf, endOfLeaf)
		breakIt(e)
		if _, _, err := e.Run(); !errors.Is(err, broken) {
			t.Errorf("%s fails: %v", name, err)
		}
	}
}

func TestEditRefusesNumbersThatContradictEachOther(t *testing.T) {
	own := []clfs.ID{"own"}
	for name, c := range map[string]struct {
		direct            []clfs.ID
		old, keep, blocks uint64
		changes           map[uint64]clfs.ID
	}{
		"no own id":                  {nil, 1, 1, 1, nil},
		"keeps not even the inode":   {own, 5, 0, 5, nil},
		"keeps more than there was":  {own, 5, 6, 6, nil},
		"keeps more than there will": {own, 5, 5, 4, nil},
		"more than a map holds":      {own, 5, 5, 1 << 49, nil},
		"no new ids":                 {own, 5, 5, 6, nil},
		"a new id is missing":        {own, 5, 5, 8, map[uint64]clfs.ID{5: "5", 7: "7"}},
		"new ids at the end only":    {own, 5, 5, endOfTree0 + 1, map[uint64]clfs.ID{endOfTree0: "last"}},
	} {
		s := &storedMap{changes: c.changes}
		if _, _, err := s.edit(c.direct, [4]clfs.ID{}, c.old, c.keep, c.blocks).Run(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestEditRefusesBlocksOutOfOrder(t *testing.T) {
	e := (&storedMap{}).edit([]clfs.ID{"own"}, [4]clfs.ID{}, 5, 5, 5)
	e.NextNew = func(from uint64) (uint64, clfs.ID, error) { return max(1, from-1), "id", nil }
	if _, _, err := e.Run(); err == nil {
		t.Error("no error")
	}
}

// A million blocks are 245 indirect blocks of 64 KiB in memory, 16 MB.
func TestEditAppendsAMillionBlocksInTheMemoryOfAFew(t *testing.T) {
	const old = endOfTree0 + tree0Blocks/2
	const blocks = old + 1_000_000
	leaf, emitted := manyIDs("l", tree0Blocks/2), 0
	e := &blockmap.Edit{Direct: append([]clfs.ID{"own"}, manyIDs("d", directBlocks)...), Roots: [4]clfs.ID{"r0", "r1"}, Old: old, Keep: old, Blocks: blocks,
		NextNew:     func(from uint64) (uint64, clfs.ID, error) { return max(from, old), "segment", nil },
		NewIndirect: func(int, int, uint64) clfs.ID { return "indirect" },
		Read: func(id clfs.ID, _, depth int) (object.IndirectBlock, error) {
			return object.IndirectBlock{Blocks: [][]clfs.ID{{"leaf"}, leaf}[depth]}, nil
		},
		Emit:     func(clfs.ID, object.IndirectBlock) error { emitted++; return nil },
		Replaced: func(blockmap.Replaced, clfs.ID) error { return nil },
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, _, err := e.Run(); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 1<<20 || emitted != 246 {
		t.Errorf("%d bytes were allocated for %d indirect blocks", allocated, emitted)
	}
}
