package engine

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"clfsload/clfs"
	"clfsload/clfs/compression"
	"clfsload/clfs/object"
	"clfsload/sync/blob"
	"clfsload/sync/blob/mem"
)

// stolen is a place in a block map in which an id of somebody else's object stands.
type stolen struct {
	block uint64 // the last of the file, which is below the id
	put   func(m *adopted, f *thing, id clfs.ID)
}

var stolenPlaces = map[string]stolen{
	"direct": {1, func(m *adopted, f *thing, id clfs.ID) {
		m.damageInode(f, func(in *object.Inode) { in.Direct[1] = id })
	}},
	"root of tree 0": {1024, func(m *adopted, f *thing, id clfs.ID) {
		m.damageInode(f, func(in *object.Inode) { in.Roots[0] = id })
	}},
	"root of tree 1": {5120, func(m *adopted, f *thing, id clfs.ID) {
		m.damageInode(f, func(in *object.Inode) { in.Roots[1] = id })
	}},
	"leaf": {1024, func(m *adopted, f *thing, id clfs.ID) {
		m.damageTree(f, object.IndirectBlock{Owner: f.id, Blocks: []clfs.ID{id}})
	}},
	"upper block": {5120, func(m *adopted, f *thing, id clfs.ID) {
		m.damageTree(f, object.IndirectBlock{Owner: f.id, Tree: 1, Blocks: []clfs.ID{id}})
	}},
	"leaf below": {5120, func(m *adopted, f *thing, id clfs.ID) {
		leaf := m.putIndirectOf(f, object.IndirectBlock{Owner: f.id, Tree: 1, Depth: 1, Blocks: []clfs.ID{id}})
		m.damageTree(f, object.IndirectBlock{Owner: f.id, Tree: 1, Blocks: []clfs.ID{leaf}})
	}},
	"leaf that names the victim": {1024, func(m *adopted, f *thing, id clfs.ID) {
		m.damageTree(f, object.IndirectBlock{Owner: m.root.entries["victim"].id, Blocks: []clfs.ID{id}})
	}},
}

// damageInode changes the payload of an inode in the container.
func (m *adopted) damageInode(f *thing, damage func(in *object.Inode)) {
	m.t.Helper()
	in := *f.inode
	in.Direct = slices.Clone(in.Direct)
	damage(&in)
	m.check(m.inner.Container.Put(m.t.Context(), f.blob, compression.Pack(nil, in.Append(nil), compression.None)))
}

// damageTree gives a file another tree of indirect blocks.
func (m *adopted) damageTree(f *thing, root object.IndirectBlock) {
	m.t.Helper()
	id := m.putIndirectOf(f, root)
	m.damageInode(f, func(in *object.Inode) { in.Roots[root.Tree] = id })
}

// putIndirectOf puts an indirect block under a name that says that it is a file's.
func (m *adopted) putIndirectOf(f *thing, b object.IndirectBlock) clfs.ID {
	m.t.Helper()
	id := clfs.ID(m.random(16))
	name := clfs.ObjectName(id, f.id, clfs.TypeIndirect, clfs.FirstVersion)
	m.check(m.inner.Container.Put(m.t.Context(), name, compression.Pack(nil, b.Append(nil), compression.None)))
	return id
}

// thief is a file in whose map an id of somebody else's object stands.
type thief struct {
	spot
	block uint64 // that is below the id
}

// robbed is a container with files in which, in each place, the id of each kind of object of others stands.
func robbed(t *testing.T) (m *adopted, thieves []thief) {
	t.Helper()
	r := rand.New(rand.NewPCG(4, 9))
	b := &maker{t: t, r: r, c: mem.New(), seq: clfs.FirstSequence + 10}
	b.root = b.add(nil, "tree", clfs.TypeDirectory, clfs.RootID).thing
	victim := b.sparse("victim", "of the victim...", 5122, 1024)
	wide := b.add(b.root, "wide", clfs.TypeDirectory, "0123456789abcdef").thing
	for i := range 90 {
		b.add(wide, fmt.Sprintf("%0200d", i), clfs.TypeFIFO, "")
	}
	const targets = 8
	places := slices.Sorted(maps.Keys(stolenPlaces))
	for _, place := range places {
		for range targets {
			name, block := fmt.Sprint("thief", len(thieves)), stolenPlaces[place].block
			b.sparse(name, clfs.ID(fmt.Sprintf("%05d of a thief", len(thieves))), block+1)
			thieves = append(thieves, thief{spot{name: name}, block})
		}
	}
	b.finish()
	m = newAdoptedOf(t, r, b.c, b.root)
	ids := [targets]clfs.ID{victim.segments[1024], victim.segments[5121], victim.inode.Roots[0], victim.inode.Roots[1], victim.id,
		wide.id, wide.inode.Direct[1], clfs.RootID}
	for i := range thieves {
		f := &thieves[i]
		f.dir, f.node = m.root, m.root.entries[f.name]
		stolenPlaces[places[i/targets]].put(m, f.node, ids[i%targets])
	}
	return m, thieves
}

// others are the blobs that belong to none of some files, but for what each publication puts.
func (m *adopted) others(files []thief) map[string]string {
	of := map[uint64]bool{}
	isFile := map[clfs.ID]bool{clfs.RootID: true, clfs.BucketID: true}
	for _, s := range files {
		of[s.node.id.Hash()], isFile[s.node.id] = true, true
	}
	list := map[string]string{}
	m.inner.Each(func(name string, data []byte) {
		if n, err := clfs.ParseName(name); err == nil && !of[n.OwnerHash] && !isFile[n.ID] {
			list[name] = string(data)
		}
	})
	return list
}

// inodesOf are the names of the inodes of files.
func inodesOf(files []thief) (names []string) {
	for _, s := range files {
		names = append(names, s.node.blob)
	}
	return names
}

func (m *adopted) countGone(names []string) (n int) {
	for _, name := range names {
		if _, err := m.inner.Get(m.t.Context(), name, 0, -1); errors.Is(err, blob.ErrNotFound) {
			n++
		}
	}
	return n
}

// overwriteUnread writes whole blocks, and reads none of the old ones.
func (m *adopted) overwriteUnread(s spot, blocks ...uint64) {
	m.t.Helper()
	ino := m.begin(s).Ino
	m.check(m.journal.DirtyBlocks(m.t.Context(), ino, blocks))
	for _, index := range blocks {
		s.node.blocks[index], s.node.local[index] = m.random(20), true
	}
	m.end(ino, s.node)
}

// cutUnread makes a file so short that only its first block is left.
func (m *adopted) cutUnread(s spot) {
	m.t.Helper()
	ino := m.begin(s).Ino
	m.check(m.journal.DirtyBlocks(m.t.Context(), ino, []uint64{0}))
	_, err := m.journal.Truncate(m.t.Context(), ino, 5, m.now())
	m.check(err)
	s.node.size, s.node.local[0] = 5, true
	m.end(ino, s.node)
}

// A block map that is damaged, or was made to do harm, may lead to objects of other inodes. They
// stay, whatever becomes of the file.
func TestNothingOfAnotherInodeIsDeletedBecauseABlockMapLeadsToIt(t *testing.T) {
	for name, c := range map[string]struct {
		change func(m *adopted, f thief)
		least  int // how many inodes of the files are replaced, of all
	}{
		"overwritten": {func(m *adopted, f thief) { m.overwriteUnread(f.spot, f.block) }, 16},
		"truncated":   {func(m *adopted, f thief) { m.cutUnread(f.spot) }, 56},
		"removed":     {func(m *adopted, f thief) { m.remove(f.spot) }, 56},
	} {
		t.Run(name, func(t *testing.T) {
			m, files := robbed(t)
			before := m.others(files)
			inodes := inodesOf(files)
			for _, s := range files {
				c.change(m, s)
			}
			if err := m.uploads(); err != nil && !errors.Is(err, ErrNotUploaded) {
				t.Fatal(err)
			}
			_, err := m.engine.PublishMount(t.Context())
			m.check(err)
			m.check(m.engine.Collect(t.Context()))
			after := m.others(files)
			for name := range before {
				if after[name] != before[name] {
					t.Errorf("%s is gone or changed", name)
				}
			}
			if replaced := m.countGone(inodes); replaced < c.least {
				t.Errorf("the inodes of %d files of %d are replaced", replaced, len(files))
			}
		})
	}
}

// The name of an inode has the directory as its owner, as those of the directory's segments have.
func TestNoInodeIsDeletedBecauseTheMapOfItsDirectoryLeadsToIt(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 9))
	b := &maker{t: t, r: r, c: mem.New(), seq: clfs.FirstSequence + 10}
	b.root = b.add(nil, "tree", clfs.TypeDirectory, clfs.RootID).thing
	b.add(b.root, "dir", clfs.TypeDirectory, "of the directory")
	b.add(b.root.entries["dir"], "file", clfs.TypeFIFO, "of the file.....")
	b.finish()
	m := newAdoptedOf(t, r, b.c, b.root)
	dir := m.root.entries["dir"]
	file := spot{[]string{"dir"}, dir, "file", dir.entries["file"]}
	m.at(file)
	m.damageInode(dir, func(in *object.Inode) { in.Direct = append(in.Direct, file.node.id) })
	inode := file.node.blob
	m.create(spot{[]string{"dir"}, dir, "new", nil})
	m.publish()
	if _, err := m.inner.Get(t.Context(), inode, 0, -1); err != nil {
		t.Error(err)
	}
}
