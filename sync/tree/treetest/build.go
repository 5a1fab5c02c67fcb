package treetest

import (
	"bytes"
	"testing"

	"clfsload/clfs"
	"clfsload/clfs/blockmap"
	"clfsload/clfs/compression"
	"clfsload/clfs/object"
	"clfsload/sync/blob/mem"
)

// The ids that a built container has.
const (
	ContainerID = 0x1234567
	FSID        = 0x89abcdef
)

// Time is what all built inodes have as their times.
var Time = clfs.Time{Sec: 1400000000, Nsec: 123456000}

// A Builder makes a sound container in memory. Make the tree, call Finish, then
// break what the test is about: change a Node's Inode and Put it, or go to the
// blobs of Container.
type Builder struct {
	Container *mem.Container
	Root      *Node
	t         testing.TB
	key       clfs.Key
	sequence  uint64
	dirMgr    uint8
	nodes     []*Node
}

// A Node is an inode of a built container.
type Node struct {
	ID       clfs.ID
	Owner    clfs.ID
	Version  uint32
	Type     clfs.Type
	Inode    *object.Inode
	Content  []byte          // of a file, set before Finish
	Entries  []object.Dirent // of a directory, without the dots
	Segments []clfs.ID       // data segments and directory segments, after Finish
	parents  []clfs.ID
	b        *Builder
}

// New begins a container with an empty root directory.
func New(t testing.TB) *Builder {
	b := &Builder{Container: mem.New(), t: t, key: clfs.Key{1, 2, 3}, sequence: clfs.FirstSequence}
	b.Root = b.node(clfs.RootID, clfs.RootID, clfs.TypeDirectory, "tree", 0o755)
	b.Root.Inode.ExtAttrs = object.RootExtAttrs("11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222")
	return b
}

func (b *Builder) node(id, parent clfs.ID, kind clfs.Type, name string, mode uint32) *Node {
	n := &Node{ID: id, Owner: parent, Version: clfs.FirstVersion, Type: kind, b: b, parents: []clfs.ID{parent}}
	n.Inode = &object.Inode{
		Attr: object.Attr{Mode: mode | kind.ModeBits(), Type: kind, Nlink: 1, Mtime: Time, Ctime: Time, Atime: Time,
			FSID: FSID, FileID: b.sequence, ContainerID: ContainerID},
		FirstSegmentSize: clfs.FirstSegmentBytes, SegmentSize: clfs.SegmentBytes, Name: []byte(name)}
	if kind == clfs.TypeDirectory {
		n.Inode.SegmentSize = clfs.DirSegmentBytes
	}
	b.nodes = append(b.nodes, n)
	return n
}

// Make adds an object of any type to a directory.
func (n *Node) Make(kind clfs.Type, name string, mode uint32) *Node {
	b := n.b
	b.sequence++
	if kind == clfs.TypeDirectory {
		b.dirMgr = (b.dirMgr + 1) % clfs.DefaultDirMgrCount
	}
	id := clfs.NewHandle(b.key, ContainerID, n.ID, kind, b.dirMgr, b.sequence)
	child := b.node(id, n.ID, kind, name, mode)
	n.Entry(name, id)
	return child
}

// Entry adds a bare entry to a directory.
func (n *Node) Entry(name string, id clfs.ID) {
	n.Entries = append(n.Entries, object.Dirent{Name: []byte(name), ID: id})
}

// Dir adds a directory.
func (n *Node) Dir(name string) *Node { return n.Make(clfs.TypeDirectory, name, 0o755) }

// File adds a regular file.
func (n *Node) File(name string, content []byte) *Node {
	f := n.Make(clfs.TypeRegular, name, 0o644)
	f.Content = content
	return f
}

// Symlink adds a symbolic link.
func (n *Node) Symlink(name, target string) *Node {
	l := n.Make(clfs.TypeSymlink, name, 0o777)
	l.Content = []byte(target)
	return l
}

// Link adds a further name for a node that is no directory.
func (n *Node) Link(name string, to *Node) {
	n.Entry(name, to.ID)
	to.parents = append(to.parents, n.ID)
}

// Finish writes the whole container.
func (b *Builder) Finish() *Builder {
	b.t.Helper()
	for _, n := range b.nodes {
		switch n.Type {
		case clfs.TypeDirectory:
			n.finishDirectory()
		default:
			n.finishFile()
		}
		n.Put()
	}
	bucket := object.Bucket{UUID: "33333333-3333-4333-8333-333333333333"}
	b.PutPayload(clfs.ObjectName(clfs.BucketID, "", 0, clfs.FirstVersion), bucket.Append(nil))
	return b
}

func (n *Node) finishFile() {
	in := n.Inode
	in.BackPointers = n.parents
	in.Attr.Nlink = uint32(len(n.parents))
	in.Attr.Size = uint64(len(n.Content))
	in.Attr.Used = in.Attr.Size
	first := min(len(n.Content), clfs.FirstSegmentBytes)
	in.Data = n.Content[:first]
	for rest := n.Content[first:]; len(rest) > 0; {
		size := min(len(rest), clfs.SegmentBytes)
		n.PutSegment(uint64(len(n.Segments)), rest[:size])
		rest = rest[size:]
	}
	n.finishMap()
}

func (n *Node) finishDirectory() {
	in := n.Inode
	entries := append([]object.Dirent{{Name: []byte("."), ID: n.ID}, {Name: []byte(".."), ID: n.Owner}}, n.Entries...)
	in.Attr.Nlink = 2
	var segments [][]byte
	limit, raw := clfs.FirstDirentBytes, []byte{}
	for _, e := range entries {
		if len(raw)+object.DirentSize(len(e.Name), len(e.ID)) > limit {
			segments, limit, raw = append(segments, raw), clfs.DirSegmentBytes, nil
		}
		raw = object.AppendDirent(raw, e.Name, e.ID)
		if h, err := clfs.ParseHandle(e.ID); err == nil && h.Type == clfs.TypeDirectory && len(e.Name) > 0 && string(e.Name) != "." && string(e.Name) != ".." {
			in.Attr.Nlink++
		}
	}
	segments = append(segments, raw)
	in.Dirents = segments[0]
	in.Attr.Size = uint64(len(segments[0])) + 4
	for i, s := range segments[1:] {
		n.PutDirSegment(uint64(i), s)
		in.Attr.Size += uint64(len(s)) + 4
	}
	in.Attr.Used = in.Attr.Size
	n.finishMap()
}

// finishMap puts the segments' ids, and indirect blocks, where they belong.
func (n *Node) finishMap() {
	next := uint64(0)
	newID := func(tree, depth int, index uint64) clfs.ID {
		next++
		return clfs.IndirectID(n.b.key, n.ID, 0, tree, depth, index)
	}
	m := blockmap.NewBuilder(n.ID, newID, n.putIndirect)
	for _, id := range n.Segments {
		n.b.check(m.Add(id))
	}
	direct, roots, err := m.Finish()
	n.b.check(err)
	n.Inode.Direct, n.Inode.Roots = direct, roots
}

func (n *Node) putIndirect(id clfs.ID, block object.IndirectBlock) error {
	block.Ctime, block.Owner = n.Inode.Attr.Ctime.Sec, n.ID
	n.b.PutPayload(clfs.ObjectName(id, n.ID, clfs.TypeIndirect, clfs.FirstVersion), block.Append(nil))
	return nil
}

// PutSegment writes data segment index (from 0), and notes its id if it is the
// next one.
func (n *Node) PutSegment(index uint64, data []byte) string {
	buf := make([]byte, object.SegmentDataOffset+len(data)+128)
	copy(buf[object.SegmentDataOffset:], data)
	payload := object.FinishSegment(buf, len(data), n.Inode.Attr.Ctime.Sec, clfs.SegmentOffset(index, false), n.ID)
	return n.putSegment(index, payload)
}

// PutDirSegment writes a directory's segment index, from 0.
func (n *Node) PutDirSegment(index uint64, dirents []byte) string {
	return n.putSegment(index, object.AppendDirSegment(nil, dirents, n.Inode.Attr.Ctime.Sec, clfs.SegmentOffset(index, true), n.ID))
}

func (n *Node) putSegment(index uint64, payload []byte) string {
	id := clfs.SegmentID(n.b.key, n.ID, 0, index)
	if index == uint64(len(n.Segments)) {
		n.Segments = append(n.Segments, id)
	}
	name := n.SegmentBlob(index)
	n.b.PutPayload(name, payload)
	return name
}

// SegmentBlob is the name of the blob of data segment index, from 0.
func (n *Node) SegmentBlob(index uint64) string {
	return clfs.ObjectName(clfs.SegmentID(n.b.key, n.ID, 0, index), n.ID, clfs.TypeSegment, clfs.FirstVersion)
}

// Blob is the name of the node's own blob.
func (n *Node) Blob() string { return clfs.ObjectName(n.ID, n.Owner, n.Type, n.Version) }

// Put writes the node's inode as it is now.
func (n *Node) Put() { n.b.PutPayload(n.Blob(), n.Inode.Append(nil)) }

// PutPayload writes a blob with a payload, compressed.
func (b *Builder) PutPayload(name string, payload []byte) {
	b.PutBytes(name, compression.Pack(nil, payload, compression.LZ4))
}

// PutBytes writes a blob.
func (b *Builder) PutBytes(name string, data []byte) {
	b.t.Helper()
	b.check(b.Container.Put(b.t.Context(), name, data))
}

// Bytes reads a blob.
func (b *Builder) Bytes(name string) []byte {
	b.t.Helper()
	o, err := b.Container.Get(b.t.Context(), name, 0, -1)
	b.check(err)
	return bytes.Clone(o.Data)
}

// Payload reads a blob and decompresses it.
func (b *Builder) Payload(name string) []byte {
	b.t.Helper()
	payload, _, err := compression.Unpack(b.Bytes(name), object.MaxSegmentPayload)
	b.check(err)
	return payload
}

// Delete removes a blob, which must be there.
func (b *Builder) Delete(name string) {
	b.t.Helper()
	b.Bytes(name)
	b.check(b.Container.Delete(b.t.Context(), name))
}

func (b *Builder) check(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}
