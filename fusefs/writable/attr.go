package writable

import (
	"github.com/hanwen/go-fuse/v2/fuse"

	"clfsload/clfs"
	"clfsload/state"
)

// forever is how long the kernel may keep names and attributes, in seconds: what
// changes them goes through it.
const forever = 10 * 365 * 24 * 3600

// preferredSize is what programs are told to read and write at a time, in bytes.
const preferredSize = 128 << 10

// directorySize is the size that directories show, in bytes.
const directorySize = 4096

// sparseFrom is the size, in bytes, from which on the disk is asked what a file
// takes there. Smaller ones are taken to have no holes.
const sparseFrom = 1 << 20

// entry fills in what a lookup answers. Inodes are pinned.
func (s *FS) entry(n state.Node, out *fuse.EntryOut) {
	s.partial.Tell(&n)
	out.NodeId, out.Generation = uint64(n.Ino), 1
	out.EntryValid, out.AttrValid = forever, forever
	s.attributes(n, &out.Attr)
}

// attributes fills in what the kernel wants to know of a node. A file that is
// being written has its size and times in memory.
func (s *FS) attributes(n state.Node, out *fuse.Attr) {
	if n.Attr.Type == clfs.TypeRegular {
		n = s.current(n)
	}
	a := n.Attr
	*out = fuse.Attr{
		Ino: uint64(n.Ino), Size: uint64(a.Size), Mode: a.Type.ModeBits() | a.Mode&0o7777,
		Nlink: uint32(n.Links), Owner: fuse.Owner{Uid: a.UID, Gid: a.GID}, Rdev: uint32(a.Rdev), Blksize: preferredSize,
	}
	switch a.Type {
	case clfs.TypeDirectory:
		out.Size, out.Blocks = directorySize, directorySize/512
	case clfs.TypeRegular:
		out.Blocks = s.blocksOf(n, a.Size)
	}
	out.Atime, out.Atimensec = fuseTime(a.Atime)
	out.Mtime, out.Mtimensec = fuseTime(a.Mtime)
	out.Ctime, out.Ctimensec = fuseTime(a.Ctime)
}

// current returns a file with what the journal does not know yet, or what it has learnt
// since the row was read.
func (s *FS) current(n state.Node) state.Node {
	if f := s.files.Find(n.Ino); f != nil && f.LiveAttributes(&n.Attr) {
		return n
	}
	return s.nodes.Newest(n)
}

// blocksOf is how many units of 512 bytes a file takes.
func (s *FS) blocksOf(n state.Node, size int64) uint64 {
	if size >= sparseFrom && n.Flags&state.Evicted == 0 {
		return uint64(s.staging.Blocks(n.Ino))
	}
	return uint64(size+511) / 512
}

// fuseTime is what the kernel is told of a time: what a publication makes of it.
func fuseTime(t int64) (sec uint64, nsec uint32) {
	held, _ := clfs.NewTime(state.SplitNanoseconds(t))
	return uint64(held.Sec), held.Nsec
}

// GetAttr tells the attributes of a node.
func (s *FS) GetAttr(_ <-chan struct{}, in *fuse.GetAttrIn, out *fuse.AttrOut) fuse.Status {
	n, err := s.nodes.Get(s.ctx, state.Ino(in.NodeId))
	if err != nil {
		return s.failNode("getattr", state.Ino(in.NodeId), err)
	}
	out.AttrValid = forever
	s.attributes(n, &out.Attr)
	return fuse.OK
}
