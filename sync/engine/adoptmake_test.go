package engine

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"clfsload/clfs"
	"clfsload/clfs/blockmap"
	"clfsload/clfs/compression"
	"clfsload/clfs/object"
	"clfsload/state"
	"clfsload/sync/blob/mem"
)

// thing is an inode as a test believes it to be, in the container and in the mount.
type thing struct {
	id      clfs.ID
	typ     clfs.Type
	mode    uint32 // without the type
	uid     uint32
	target  string
	entries map[string]*thing // of a directory
	names   int

	// Of a file.
	size   int64
	blocks map[uint64][]byte // without what is zero at the end; a block that is not there is zero
	local  map[uint64]bool   // whether it is in staging
	open   bool

	foreign
}

// foreign is what another program has made of an inode.
type foreign struct {
	inode    *object.Inode // nil: no other program has made it
	blob     string        // as long as nothing of it has changed
	data     []byte        // of that blob
	segments map[uint64]clfs.ID
}

func (n *thing) isDir() bool  { return n.typ == clfs.TypeDirectory }
func (n *thing) isFile() bool { return n.typ == clfs.TypeRegular }

// changed notes that the inode is to be put again.
func (n *thing) changed() { n.blob = "" }

// clone copies a thing with all below it. done has what is copied already.
func (n *thing) clone(done map[*thing]*thing) *thing {
	if known := done[n]; known != nil {
		return known
	}
	c := *n
	done[n] = &c
	c.local, c.open = nil, false
	if n.isFile() {
		c.local, c.blocks, c.segments = map[uint64]bool{}, map[uint64][]byte{}, map[uint64]clfs.ID{}
		for i, b := range n.blocks {
			c.blocks[i] = slices.Clone(b)
		}
		for i, id := range n.segments {
			c.segments[i] = id
		}
	}
	if n.isDir() {
		c.entries = map[string]*thing{}
		for name, e := range n.entries {
			c.entries[name] = e.clone(done)
		}
	}
	return &c
}

// maker makes a container as a cache may leave it: blocks have drawn ids, inodes have records
// and attributes that we do not know, and ids that say nothing to us.
type maker struct {
	t    testing.TB
	r    *rand.Rand
	c    *mem.Container
	seq  uint64
	root *thing
	dirs []*thing
	all  []*made
}

// made is a thing that is not put yet.
type made struct {
	*thing
	back []clfs.ID
	name string
}

const (
	madeContainerID = 0x1234567
	madeFSID        = 0x89abcdef
)

// makeForeign makes a container of a few directories and files.
func makeForeign(t testing.TB, r *rand.Rand) (*mem.Container, *thing) {
	m := &maker{t: t, r: r, c: mem.New(), seq: clfs.FirstSequence + 10}
	m.root = m.add(nil, "tree", clfs.TypeDirectory, clfs.RootID).thing
	for i := range 2 + r.IntN(4) {
		m.add(m.dir(), fmt.Sprint("d", i), clfs.TypeDirectory, "")
	}
	for i := range 3 + r.IntN(8) {
		f := m.add(m.dir(), fmt.Sprint("f", i), m.typ(), "")
		for l := range m.chance(3, 1+r.IntN(3)) {
			m.link(f, m.dir(), fmt.Sprint("l", i, l))
		}
	}
	if r.IntN(6) == 0 {
		wide := m.dir()
		for i := range 90 {
			m.add(wide, fmt.Sprintf("%0200d", i), clfs.TypeFIFO, "")
		}
	}
	m.finish()
	return m.c, m.root
}

// finish puts everything.
func (m *maker) finish() {
	for _, n := range m.all {
		m.put(n)
	}
	bucket := object.Bucket{UUID: "33333333-3333-4333-8333-333333333333"}
	m.payload(clfs.ObjectName(clfs.BucketID, "", 0, clfs.FirstVersion), bucket.Append(nil))
}

// chance is n once in so many times, and 0 otherwise.
func (m *maker) chance(in, n int) int {
	if m.r.IntN(in) > 0 {
		return 0
	}
	return n
}

func (m *maker) dir() *thing { return m.dirs[m.r.IntN(len(m.dirs))] }

func (m *maker) typ() clfs.Type {
	types := []clfs.Type{clfs.TypeSymlink, clfs.TypeFIFO, clfs.TypeChar}
	if i := m.r.IntN(8); i < len(types) {
		return types[i]
	}
	return clfs.TypeRegular
}

func (m *maker) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(1 + m.r.IntN(255))
	}
	return b
}

// id is that of an inode. Most are handles of the container, with a number of their own.
func (m *maker) id(typ clfs.Type, dir *thing) clfs.ID {
	m.seq++
	h := clfs.Handle{ContainerID: madeContainerID & clfs.ContainerIDMask, DirMgrSource: dir.id.DirMgr(), Type: typ, Sequence: m.seq, Random: m.r.Uint64() | 1}
	h.DirMgrTarget = h.DirMgrSource
	if typ == clfs.TypeDirectory {
		h.DirMgrTarget = uint8(m.r.IntN(48))
	}
	switch m.r.IntN(12) {
	case 0:
		return clfs.ID(m.bytes(16))
	case 1:
		h.ContainerID++
	case 2:
		h.Sequence += 1 << 40 // which the journal gives to its own
	case 3:
		h.Sequence = clfs.FirstSequence + 11 // which another one has
	}
	return h.ID()
}

func (m *maker) add(dir *thing, name string, typ clfs.Type, id clfs.ID) *made {
	if id == "" {
		id = m.id(typ, dir)
	}
	n := &made{thing: &thing{id: id, typ: typ, mode: uint32(0o600 + m.r.IntN(0o77)), uid: uint32(m.r.IntN(9)), names: 1}, name: name}
	switch typ {
	case clfs.TypeDirectory:
		n.entries = map[string]*thing{}
		m.dirs = append(m.dirs, n.thing)
	case clfs.TypeSymlink:
		n.target = "target of " + name
	case clfs.TypeRegular:
		n.blocks, n.local, n.segments = map[uint64][]byte{}, map[uint64]bool{}, map[uint64]clfs.ID{}
		m.contents(n.thing)
	}
	n.back = []clfs.ID{clfs.RootID}
	if dir != nil {
		dir.entries[name] = n.thing
		n.back[0] = dir.id
	}
	m.all = append(m.all, n)
	return n
}

func (m *maker) link(n *made, dir *thing, name string) {
	if n.isDir() {
		return
	}
	dir.entries[name] = n.thing
	n.names++
	n.back = append(n.back, dir.id)
}

// contents gives a file contents of which little is not zero.
func (m *maker) contents(n *thing) {
	last := uint64(0)
	tail := m.r.IntN(300)
	switch m.r.IntN(12) {
	case 0, 1:
		tail = clfs.FirstSegmentBytes
	case 2, 3, 4:
		last = 1
	case 5:
		last = 3
	case 6:
		last = []uint64{1022, 1023, 1024, 1025, 5119, 5120}[m.r.IntN(6)]
	}
	if last > 0 {
		tail++
		n.blocks[0] = m.bytes(100)
	}
	offset, _ := state.BlockRange(last)
	n.size = offset + int64(tail)
	n.blocks[last] = m.bytes(tail)
	if last == 3 && m.r.IntN(3) == 0 {
		n.blocks[2] = m.bytes(9)
	}
}

// block is all of a block.
func (n *thing) block(index uint64) []byte {
	offset, length := state.BlockRange(index)
	b := make([]byte, max(min(length, n.size-offset), 0))
	copy(b, n.blocks[index])
	return b
}

func (m *maker) attr(n *made) object.Attr {
	a := object.Attr{Mode: n.mode | n.typ.ModeBits(), Type: n.typ, UID: n.uid, GID: 3, Size: uint64(n.size), Nlink: uint32(n.names),
		Mtime: clfs.Time{Sec: 1400000000, Nsec: 5}, Ctime: clfs.Time{Sec: 1400000001}, Atime: clfs.Time{Sec: 1400000002},
		FSID: madeFSID, FileID: m.r.Uint64N(1 << 40), ContainerID: madeContainerID}
	if n.typ == clfs.TypeSymlink {
		a.Size = uint64(len(n.target))
	}
	if m.r.IntN(3) == 0 {
		a.Flags, a.Dtime, a.Reserved3, a.Reserved92 = m.r.Uint32(), clfs.Time{Sec: 7}, 3, 92
	}
	if n.id != clfs.RootID && m.r.IntN(8) == 0 {
		a.FSID++
	}
	a.Used = a.Size
	return a
}

// put writes the blobs of a thing.
func (m *maker) put(n *made) {
	in := &object.Inode{Attr: m.attr(n), FirstSegmentSize: clfs.FirstSegmentBytes, SegmentSize: clfs.SegmentBytes, Name: []byte(n.name),
		Direct: []clfs.ID{n.id}}
	if m.r.IntN(3) == 0 {
		in.ExtAttrs = []object.ExtAttr{{Key: "key", Value: fmt.Sprint(m.r.IntN(100))}}
	}
	if m.r.IntN(3) == 0 {
		in.Unknown = []object.Record{{Type: 8, Body: m.bytes(5)}, {Type: 14, Body: m.bytes(9)}}
	}
	switch n.typ {
	case clfs.TypeDirectory:
		m.directory(n, in)
	case clfs.TypeRegular:
		in.BackPointers = n.back
		m.file(n, in)
	default:
		in.BackPointers, in.Data = n.back, []byte(n.target)
	}
	m.putInode(n, in)
}

func (m *maker) putInode(n *made, in *object.Inode) {
	if n.id == clfs.RootID {
		in.ExtAttrs = append(object.RootExtAttrs("11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"), in.ExtAttrs...)
	}
	name := clfs.Name{ID: n.id, Type: n.typ, OwnerHash: n.back[0].Hash(), Version: clfs.FirstVersion + uint32(m.r.IntN(3)), Snapshot: clfs.LiveSnapshot, Form: 2}
	if n.names > 1 && m.r.IntN(2) == 0 {
		name.Type = clfs.TypeHardLink
	}
	n.inode, n.blob = in, name.String()
	n.data = m.payload(n.blob, in.Append(nil))
	if m.r.IntN(5) == 0 {
		name.Version -= 3
		m.payload(name.String(), in.Append(nil))
	}
}

// payload writes a blob and returns its bytes.
func (m *maker) payload(name string, payload []byte) []byte {
	data := compression.Pack(nil, payload, compression.None)
	if err := m.c.Put(m.t.Context(), name, data); err != nil {
		m.t.Fatal(err)
	}
	return data
}

// blockID puts a blob under a drawn id.
func (m *maker) blockID(owner clfs.ID, typ clfs.Type, payload []byte) clfs.ID {
	id := clfs.ID(m.bytes(16))
	version := clfs.FirstVersion + uint32(m.r.IntN(3))
	m.payload(clfs.Name{ID: id, Type: typ, OwnerHash: owner.Hash(), Version: version, Snapshot: clfs.LiveSnapshot, Form: 2}.String(), payload)
	return id
}

func (m *maker) file(n *made, in *object.Inode) {
	in.Data = n.block(0)
	b := blockmap.NewBuilder(n.id, func(int, int, uint64) clfs.ID { return clfs.ID(m.bytes(16)) }, func(id clfs.ID, b object.IndirectBlock) error {
		b.Ctime, b.Owner = in.Attr.Ctime.Sec, n.id
		m.payload(clfs.ObjectName(id, n.id, clfs.TypeIndirect, clfs.FirstVersion), b.Append(nil))
		return nil
	})
	for index := uint64(1); index < state.Blocks(n.size); index++ {
		id := clfs.NullBlock
		if n.blocks[index] != nil {
			id = m.blockID(n.id, clfs.TypeSegment, m.segment(n, in, index))
			n.segments[index] = id
		}
		if err := b.Add(id); err != nil {
			m.t.Fatal(err)
		}
	}
	var err error
	if in.Direct, in.Roots, err = b.Finish(); err != nil {
		m.t.Fatal(err)
	}
}

func (m *maker) segment(n *made, in *object.Inode, index uint64) []byte {
	data := n.block(index)
	buf := make([]byte, object.SegmentDataOffset+len(data)+128)
	copy(buf[object.SegmentDataOffset:], data)
	return object.FinishSegment(buf, len(data), in.Attr.Ctime.Sec, clfs.SegmentOffset(index-1, false), n.id)
}

func (m *maker) directory(n *made, in *object.Inode) {
	in.SegmentSize = clfs.DirSegmentBytes
	in.Attr.Nlink = 2
	var list []object.Dirent
	for name, e := range n.entries {
		list = append(list, object.Dirent{Name: []byte(name), ID: e.id})
		if e.isDir() {
			in.Attr.Nlink++
		}
	}
	slices.SortFunc(list, func(a, b object.Dirent) int { return bytes.Compare(a.Name, b.Name) })
	m.r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	list = append([]object.Dirent{{Name: []byte("."), ID: n.id}, {Name: []byte(".."), ID: n.back[0]}}, list...)
	m.entries(n, in, list)
	in.Attr.Used = in.Attr.Size
}

func (m *maker) entries(n *made, in *object.Inode, list []object.Dirent) {
	var raw []byte
	limit := clfs.FirstDirentBytes
	flush := func() {
		in.Attr.Size += uint64(len(raw)) + 4
		if in.Dirents == nil {
			in.Dirents, raw, limit = raw, nil, clfs.DirSegmentBytes
			return
		}
		payload := object.AppendDirSegment(nil, raw, in.Attr.Ctime.Sec, clfs.SegmentOffset(uint64(len(in.Direct)-1), true), n.id)
		in.Direct = append(in.Direct, m.blockID(n.id, clfs.TypeSegment, payload))
		raw = nil
	}
	for _, e := range list {
		if len(raw)+object.DirentSize(len(e.Name), len(e.ID)) > limit {
			flush()
		}
		raw = object.AppendDirent(raw, e.Name, e.ID)
	}
	flush()
}
