package blockmap_test

// A model of block maps and of what an edit must make of them.

import (
	"slices"
	"strings"
	"testing"

	"clfsload/clfs"
	"clfsload/clfs/blockmap"
	"clfsload/clfs/object"
)

// A mapPlace is a place in a block map: an indirect block, a data segment if depth is
// tree+1, or the direct list if both are -1.
type mapPlace struct {
	tree, depth int
	index       uint64
	first       uint64 // block
}

var directPlace = mapPlace{tree: -1, depth: -1}

func rootPlace(tree int) mapPlace {
	first := uint64(clfs.MaxDirect)
	for t := range tree {
		first += mapPlace{tree: t}.blocks()
	}
	return mapPlace{tree: tree, first: first}
}

func (p mapPlace) blocks() uint64 {
	n := uint64(1)
	for range p.tree - p.depth + 1 {
		n *= clfs.IndirectFanout
	}
	return n
}

func (p mapPlace) child(i int) mapPlace {
	c := mapPlace{tree: p.tree, depth: p.depth + 1, index: p.index*clfs.IndirectFanout + uint64(i)}
	c.first = p.first + uint64(i)*c.blocks()
	return c
}

func (p mapPlace) isSegment() bool { return p.depth > p.tree }

// entries is how many entries a list at a place has in a map of so many blocks.
func (p mapPlace) entries(blocks uint64) int {
	if p.first >= blocks {
		return 0
	}
	most := uint64(clfs.IndirectFanout)
	if p == directPlace {
		most = clfs.MaxDirect
	}
	return int(min(most, (blocks-p.first-1)/p.child(0).blocks()+1))
}

// An editCase is an old block map, which is computed place by place, and an edit of it.
type editCase struct {
	old, keep, blocks uint64
	changed           []uint64 // below keep, rising
	seed              uint64
	odd               bool // the old map has holes, and lists that are too short or too long
	newHoles          bool // every 7th new id is null
}

const (
	newSegmentMark  = 1 << 62
	newIndirectMark = 1 << 61
	surplusMark     = 1 << 60 // entries that no list has room for
)

// random is a number in 0..n-1 that depends on the case, a place and a purpose alone.
func (c *editCase) random(p mapPlace, purpose, n uint64) uint64 {
	at := uint64(p.tree+1)<<58 ^ uint64(p.depth+1)<<50 ^ p.index ^ p.first<<8
	return mix(mix(c.seed^purpose)^at) % n
}

// mix is the finalizer of splitmix64.
func mix(n uint64) uint64 {
	n = (n ^ n>>30) * 0xbf58476d1ce4e5b9
	n = (n ^ n>>27) * 0x94d049bb133111eb
	return n ^ n>>31
}

// oldID is what an entry for a place is in the old map. Ids have 8 to 64 bytes.
func (c *editCase) oldID(p mapPlace) clfs.ID {
	if p == (mapPlace{tree: -1}) {
		return clfs.RootID
	}
	if c.odd && c.random(p, 1, 6) == 0 {
		return []clfs.ID{clfs.NullBlock, clfs.NullHandle, "\x00"}[c.random(p, 2, 3)]
	}
	number := p.first
	if !p.isSegment() {
		number = indirectNumber(p.tree, p.depth, p.index)
	}
	return padded(number)
}

var padding = clfs.ID(strings.Repeat("x", clfs.MaxIDBytes-8))

func padded(number uint64) clfs.ID { return numberID(number) + padding[:number%uint64(len(padding)+1)] }

// oldList is a list of the old map.
func (c *editCase) oldList(p mapPlace) []clfs.ID {
	count := p.entries(c.old)
	if c.odd {
		count = c.oddCount(p, count)
	}
	list := make([]clfs.ID, count)
	for i := range list {
		if list[i] = c.oldID(p.child(i)); i >= clfs.IndirectFanout {
			list[i] = padded(surplusMark | uint64(p.depth)<<56 | p.first<<13 | uint64(i))
		}
	}
	return list
}

func (c *editCase) oddCount(p mapPlace, count int) int {
	switch c.random(p, 3, 8) {
	case 0:
		count = int(c.random(p, 4, uint64(count)+1))
	case 1:
		count += int(c.random(p, 4, 5))
	case 2:
		count = clfs.IndirectFanout + 3
	}
	if p == directPlace {
		return max(1, min(count, clfs.MaxDirect))
	}
	return count
}

func (c *editCase) oldRoots() (roots [4]clfs.ID) {
	for tree := range roots {
		p := rootPlace(tree)
		surplus := c.odd && c.random(p, 5, 4) == 0
		if p.first < c.old || surplus {
			roots[tree] = c.oldID(p)
		}
	}
	return roots
}

func (c *editCase) isNew(block uint64) bool {
	_, found := slices.BinarySearch(c.changed, block)
	return block < c.blocks && (block >= c.keep || found)
}

// nextNew is the first new block from a block on, 0 if there is none.
func (c *editCase) nextNew(from uint64) uint64 {
	if i, _ := slices.BinarySearch(c.changed, from); i < len(c.changed) {
		return c.changed[i]
	}
	if block := max(from, c.keep); block < c.blocks {
		return block
	}
	return 0
}

func (c *editCase) newID(block uint64) clfs.ID {
	if c.newHoles && block%7 == 0 {
		return clfs.NullBlock
	}
	return numberID(newSegmentMark | block)
}

// touches reports whether an edit must look into an indirect block: something below is
// new, or the new end is in it.
func (c *editCase) touches(p mapPlace) bool {
	return c.hasNew(p) || p.first < c.blocks && c.blocks < min(c.old, p.first+p.blocks())
}

// hasNew reports whether a block at or below a place is new.
func (c *editCase) hasNew(p mapPlace) bool {
	next := c.nextNew(p.first)
	return next > 0 && next < p.first+p.blocks()
}

// An editCheck is the other side of the edit of a case.
type editCheck struct {
	t *testing.T
	editCase
	direct   []clfs.ID
	roots    [4]clfs.ID
	asked    uint64 // the last from of NextNew
	places   map[clfs.ID]mapPlace
	emitted  map[clfs.ID][]clfs.ID
	used     map[clfs.ID]bool // emitted and found in the new map
	replaced map[clfs.ID]blockmap.Replaced
	stands   map[clfs.ID]bool // old ids in the new map
}

func newEditCheck(t *testing.T, c editCase) *editCheck {
	return &editCheck{t: t, editCase: c, places: map[clfs.ID]mapPlace{}, emitted: map[clfs.ID][]clfs.ID{},
		used: map[clfs.ID]bool{}, replaced: map[clfs.ID]blockmap.Replaced{}, stands: map[clfs.ID]bool{}}
}

func (e *editCheck) run() {
	edit := blockmap.Edit{Direct: e.oldList(directPlace), Roots: e.oldRoots(), Old: e.old, Keep: e.keep, Blocks: e.blocks,
		NextNew: e.next, NewIndirect: e.newIndirect, Read: e.read, Emit: e.emit, Replaced: e.replace}
	for tree, root := range edit.Roots {
		e.places[root] = rootPlace(tree)
	}
	var err error
	if e.direct, e.roots, err = edit.Run(); err != nil {
		e.t.Fatal(err)
	}
	e.checkMap()
}

func (e *editCheck) next(from uint64) (uint64, clfs.ID, error) {
	if from <= e.asked {
		e.t.Errorf("asked for new blocks from %d after %d", from, e.asked)
	}
	e.asked = from
	block := e.nextNew(from)
	if block == 0 && e.seed%2 > 0 {
		return e.blocks + e.seed%3, "behind the end", nil
	}
	if id := e.newID(block); !id.IsNull() {
		return block, id, nil
	}
	return block, []clfs.ID{"", clfs.NullHandle}[block%2], nil
}

func (e *editCheck) newIndirect(tree, depth int, index uint64) clfs.ID {
	id := numberID(newIndirectMark | indirectNumber(tree, depth, index))
	p := rootPlace(tree)
	p.depth, p.index = depth, index
	p.first += index * p.blocks()
	e.places[id] = p
	return id
}

func (e *editCheck) read(id clfs.ID, tree, depth int) (object.IndirectBlock, error) {
	p, ok := e.places[id]
	if !ok || p.tree != tree || p.depth != depth {
		e.t.Errorf("read %s of tree %d depth %d, known as %+v, %v", id, tree, depth, p, ok)
	}
	if !e.touches(p) || p.first >= e.keep {
		e.t.Errorf("read %+v for nothing", p)
	}
	delete(e.places, id)
	list := e.oldList(p)
	if p.depth < p.tree {
		for i, child := range list {
			if !child.IsNull() && i < clfs.IndirectFanout {
				e.places[child] = p.child(i)
			}
		}
	}
	return object.IndirectBlock{Blocks: list, Tree: tree, Depth: depth, Owner: clfs.RootID, Ctime: 5}, nil
}

func (e *editCheck) emit(id clfs.ID, b object.IndirectBlock) error {
	p := e.places[id]
	if e.emitted[id] != nil || len(b.Blocks) == 0 || len(b.Blocks) > p.entries(e.blocks) {
		e.t.Errorf("emitted %s at %+v with %d entries, the same before: %v", id, p, len(b.Blocks), e.emitted[id] != nil)
	}
	if b.Tree != p.tree || b.Depth != p.depth || b.Owner != clfs.RootID || b.Ctime != 0 {
		e.t.Errorf("emitted block for %+v says tree %d depth %d ctime %d of %s", p, b.Tree, b.Depth, b.Ctime, b.Owner)
	}
	for _, below := range b.Blocks {
		if b.Depth < b.Tree && e.emitted[below] == nil && len(below) == 8 && idNumber(below)&newIndirectMark > 0 {
			e.t.Errorf("%+v was emitted before %s below it", p, below)
		}
	}
	e.emitted[id] = slices.Clone(b.Blocks)
	return nil
}

func (e *editCheck) replace(kind blockmap.Replaced, id clfs.ID) error {
	if _, twice := e.replaced[id]; twice || id.IsNull() {
		e.t.Errorf("%s replaced as kind %d, twice: %v", id, kind, twice)
	}
	e.replaced[id] = kind
	return nil
}

// checkMap walks the new map, then the old one.
func (e *editCheck) checkMap() {
	e.checkList(e.direct, directPlace, e.oldList(directPlace))
	roots := e.oldRoots()
	for tree, root := range e.roots {
		p := rootPlace(tree)
		e.checkEntry(root, p, roots[tree])
		if len(root) == 0 {
			e.t.Errorf("tree %d: no root", tree)
		}
	}
	if len(e.used) != len(e.emitted) {
		e.t.Errorf("%d blocks emitted, %d are in the map", len(e.emitted), len(e.used))
	}
	covered := 0
	for i, id := range e.oldList(directPlace) {
		covered += e.cover(id, directPlace.child(i))
	}
	for tree, root := range roots {
		covered += e.cover(root, rootPlace(tree))
	}
	if covered != len(e.replaced) {
		e.t.Errorf("%d ids replaced, %d of them in the old map", len(e.replaced), covered)
	}
}

// checkList checks a list of the new map that was written anew, from the old list.
func (e *editCheck) checkList(list []clfs.ID, p mapPlace, old []clfs.ID) {
	count := p.entries(e.blocks)
	want := min(count, len(old))
	for i := count - 1; i >= want; i-- {
		if e.hasNew(p.child(i)) {
			want = i + 1
		}
	}
	if e.unchanged() {
		want = len(old)
	}
	if len(list) != want {
		e.t.Errorf("%+v has %d entries, want %d", p, len(list), want)
	}
	for i, id := range list {
		var had clfs.ID
		if i < len(old) {
			had = old[i]
		}
		e.checkEntry(id, p.child(i), had)
	}
}

// unchanged: the edit is none, so that even what is too much stays.
func (e *editCheck) unchanged() bool { return e.nextNew(1) == 0 && e.blocks == e.old }

// checkEntry checks an entry of the new map. old is that of the old map, empty if it
// had none.
func (e *editCheck) checkEntry(id clfs.ID, p mapPlace, old clfs.ID) {
	list, isNew := e.emitted[id]
	switch {
	case e.unchanged():
		e.wantOld(id, p, old)
	case p.first >= e.blocks:
		e.wantOld(id, p, clfs.NullBlock)
	case p.isSegment() && e.isNew(p.first):
		if id != e.newID(p.first) {
			e.t.Errorf("new block %d is %s", p.first, id)
		}
	case isNew:
		if !e.touches(p) || e.places[id] != p || e.used[id] {
			e.t.Errorf("%s is at %+v, emitted for %+v, found before: %v", id, p, e.places[id], e.used[id])
		}
		e.used[id] = true
		var had []clfs.ID
		if !old.IsNull() && p.first < e.keep {
			had = e.oldList(p)
		}
		e.checkList(list, p, had)
	default:
		e.wantOld(id, p, old)
		e.checkStands(p, old)
	}
}

func (e *editCheck) wantOld(id clfs.ID, p mapPlace, old clfs.ID) {
	if old.IsNull() {
		old = clfs.NullBlock
	}
	if id != old && !(id.IsNull() && old.IsNull() && p.tree == -1) {
		e.t.Errorf("%+v is %s, was %s", p, id, old)
	}
	e.stands[id] = true
}

// checkStands wants a block that stands to hold nothing that must go.
func (e *editCheck) checkStands(p mapPlace, old clfs.ID) {
	if p.isSegment() || !e.touches(p) {
		return
	}
	if e.hasNew(p) {
		e.t.Errorf("%+v stands, though a block in it is new", p)
	}
	if had := e.oldList(p); !old.IsNull() && len(had) > p.entries(e.blocks) {
		e.t.Errorf("%+v stands with %d entries, %d at most", p, len(had), p.entries(e.blocks))
	}
}

// cover wants an old id to stand or to be replaced, and counts how many were replaced
// at it and below.
func (e *editCheck) cover(id clfs.ID, p mapPlace) int {
	kind, replaced := e.replaced[id]
	if id.IsNull() || !replaced && e.stands[id] {
		return 0
	}
	segment := p.isSegment()
	if !replaced || e.stands[id] || segment != (kind == blockmap.ReplacedSegment) {
		e.t.Fatalf("%s at %+v: replaced %v as kind %d, stands %v", id, p, replaced, kind, e.stands[id])
	}
	if kind == blockmap.ReplacedSubtree && p.first < e.keep && idNumber(id)&surplusMark == 0 {
		e.t.Errorf("%+v is replaced with all below it, though block %d of it stands", p, p.first)
	}
	if kind != blockmap.ReplacedIndirect {
		return 1
	}
	covered := 1
	for i, child := range e.oldList(p) {
		covered += e.cover(child, p.child(i))
	}
	return covered
}
