package blockmap_test

import (
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"

	"clfsload/clfs"
	"clfsload/clfs/blockmap"
	"clfsload/clfs/object"
)

const (
	directBlocks = clfs.MaxDirect - 1
	tree0Blocks  = clfs.IndirectFanout
	tree1Blocks  = clfs.IndirectFanout * clfs.IndirectFanout
)

func numberID(n uint64) clfs.ID { return clfs.ID(binary.BigEndian.AppendUint64(nil, n)) }

func idNumber(id clfs.ID) uint64 { return binary.BigEndian.Uint64([]byte(id)) }

// indirectNumber makes a number, and so an id, of an indirect block's place.
func indirectNumber(tree, depth int, index uint64) uint64 {
	return 1<<63 | uint64(tree)<<56 | uint64(depth)<<48 | index
}

// A mapChecker watches a builder's output, keeping nothing of it.
type mapChecker struct {
	t       *testing.T
	random  *rand.Rand
	emitted [4][4]uint64
}

func (m *mapChecker) emit(id clfs.ID, b object.IndirectBlock) error {
	index := m.emitted[b.Tree][b.Depth]
	m.emitted[b.Tree][b.Depth]++
	if idNumber(id) != indirectNumber(b.Tree, b.Depth, index) {
		m.t.Errorf("tree %d depth %d: block %d has another's id %s", b.Tree, b.Depth, index, id)
	}
	if len(b.Blocks) == 0 || len(b.Blocks) > clfs.IndirectFanout {
		m.t.Errorf("tree %d depth %d: block %d has %d entries", b.Tree, b.Depth, index, len(b.Blocks))
	}
	for _, i := range []int{0, m.random.IntN(len(b.Blocks)), len(b.Blocks) - 1} {
		m.checkEntry(b, index, i)
	}
	return nil
}

func (m *mapChecker) checkEntry(b object.IndirectBlock, index uint64, i int) {
	below := index*clfs.IndirectFanout + uint64(i)
	if b.Depth < b.Tree {
		if idNumber(b.Blocks[i]) != indirectNumber(b.Tree, b.Depth+1, below) {
			m.t.Errorf("tree %d depth %d: entry %d of block %d is %s", b.Tree, b.Depth, i, index, b.Blocks[i])
		}
		return
	}
	want := blockmap.Position{Tree: b.Tree, Path: make([]int, b.Tree+1)}
	for level := b.Tree; level >= 0; level-- {
		want.Path[level] = int(below % clfs.IndirectFanout)
		below /= clfs.IndirectFanout
	}
	got, err := blockmap.Locate(idNumber(b.Blocks[i]))
	if err != nil || !reflect.DeepEqual(got, want) {
		m.t.Errorf("block %d was put to %+v, Locate says %+v, %v", idNumber(b.Blocks[i]), want, got, err)
	}
}

func checkMap(t *testing.T, segments uint64) {
	t.Helper()
	m := &mapChecker{t: t, random: rand.New(rand.NewPCG(1, segments))}
	newID := func(tree, depth int, index uint64) clfs.ID { return numberID(indirectNumber(tree, depth, index)) }
	b := blockmap.NewBuilder(clfs.RootID, newID, m.emit)
	for n := uint64(1); n <= segments; n++ {
		if err := b.Add(numberID(n)); err != nil {
			t.Fatal(err)
		}
	}
	direct, roots, err := b.Finish()
	if err != nil {
		t.Fatal(err)
	}
	if want := min(segments, directBlocks) + 1; uint64(len(direct)) != want || direct[0] != clfs.RootID {
		t.Errorf("%d segments: %d direct entries, first %s, want %d and the own id", segments, len(direct), direct[0], want)
	}
	for n, id := range direct[1:] {
		if p, err := blockmap.Locate(idNumber(id)); err != nil || p.Tree != -1 || p.Path[0] != n+1 {
			t.Errorf("%d segments: direct entry %d holds block %d, at %+v, %v", segments, n+1, idNumber(id), p, err)
		}
	}
	count := blockmap.IndirectCount(segments)
	if m.emitted != count {
		t.Errorf("%d segments: emitted %v indirect blocks, counted %v", segments, m.emitted, count)
	}
	for tree, root := range roots {
		want := clfs.NullBlock
		if count[tree][0] > 0 {
			want = numberID(indirectNumber(tree, 0, 0))
		}
		if root != want {
			t.Errorf("%d segments: root of tree %d is %s, want %s", segments, tree, root, want)
		}
	}
}

func TestBuilderLocateAndCountAgree(t *testing.T) {
	counts := []uint64{
		0, 1, directBlocks - 1, directBlocks, directBlocks + 1,
		directBlocks + tree0Blocks - 1, directBlocks + tree0Blocks, directBlocks + tree0Blocks + 1,
		directBlocks + 2*tree0Blocks, directBlocks + 2*tree0Blocks + 1,
	}
	random := rand.New(rand.NewPCG(7, 7))
	for range 30 {
		counts = append(counts, random.Uint64N(200_000))
	}
	for _, n := range counts {
		checkMap(t, n)
	}
}

// 140 TB: the second tree is full and the third one begun, three levels deep.
func TestBuilderGoesPastTheSecondTree(t *testing.T) {
	checkMap(t, directBlocks+tree0Blocks+tree1Blocks+tree0Blocks+5)
}

func TestIndirectCountOfFullTrees(t *testing.T) {
	const fan = clfs.IndirectFanout
	all := uint64(directBlocks + fan + fan*fan + fan*fan*fan + fan*fan*fan*fan)
	want := [4][4]uint64{{1}, {1, fan}, {1, fan, fan * fan}, {1, fan, fan * fan, fan * fan * fan}}
	if got := blockmap.IndirectCount(all); got != want {
		t.Errorf("all trees full: %v, want %v", got, want)
	}
	p, err := blockmap.Locate(all)
	if full := []int{fan - 1, fan - 1, fan - 1, fan - 1}; err != nil || p.Tree != 3 || !reflect.DeepEqual(p.Path, full) {
		t.Errorf("last block at %+v, %v", p, err)
	}
	for _, block := range []uint64{0, all + 1, math.MaxUint64} {
		if p, err := blockmap.Locate(block); err == nil {
			t.Errorf("block %d was located at %+v", block, p)
		}
	}
}

func TestBuilderReturnsWhatEmitFailsWith(t *testing.T) {
	broken := errors.New("broken")
	newID := func(int, int, uint64) clfs.ID { return clfs.NullBlock }
	fail := func(clfs.ID, object.IndirectBlock) error { return broken }
	b := blockmap.NewBuilder(clfs.RootID, newID, fail)
	for n := range directBlocks + tree0Blocks - 1 {
		if err := b.Add(numberID(uint64(n))); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := b.Finish(); !errors.Is(err, broken) {
		t.Errorf("Finish: %v", err)
	}
	if err := b.Add(numberID(0)); !errors.Is(err, broken) {
		t.Errorf("Add of the entry that fills the block: %v", err)
	}
}
