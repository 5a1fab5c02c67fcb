package tree

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf8"

	"clfsload/clfs"
	"clfsload/clfs/object"
)

// check collects the damage of one inode.
type check struct {
	*Node
	found []error
}

func (c *check) bad(kind Kind, format string, args ...any) {
	c.found = append(c.found, &Damage{Kind: kind, Object: c.Blob, Reason: fmt.Sprintf(format, args...)})
}

// Check returns the contradictions in an inode that show without another object: one [Damage] for
// each, joined. The inode's contents can still be read. Missing contents are found when they are
// read, by [Tree.Runs].
func (n *Node) Check() error {
	c := &check{Node: n}
	c.types()
	c.owner()
	c.attributes()
	c.links()
	c.target()
	c.contents()
	return errors.Join(c.found...)
}

// CheckTarget is the part of [Node.Check] about the target of a symbolic link.
func (n *Node) CheckTarget() error {
	c := &check{Node: n}
	c.target()
	return errors.Join(c.found...)
}

// types compares the four places that hold an inode's type.
func (c *check) types() {
	a := c.Inode.Attr
	linked := c.Name.Type == clfs.TypeHardLink && len(c.Inode.BackPointers) > 1
	if c.Name.Type != a.Type && !linked {
		c.bad(KindType, "the blob's name says %s, the attributes say %s", c.Name.Type, a.Type)
	}
	if t, err := clfs.TypeOfMode(a.Mode); err != nil || t != a.Type {
		c.bad(KindType, "mode %#o on a %s", a.Mode, a.Type)
	}
	if h, err := clfs.ParseHandle(c.ID); err == nil && h.Type != a.Type {
		c.bad(KindHandle, "the filehandle is that of a %s, the attributes say %s", h.Type, a.Type)
	}
}

// owner compares the owner in the blob's name with the first back pointer.
func (c *check) owner() {
	back := c.Inode.BackPointers
	if c.IsDir() || len(back) == 0 || c.OwnerHash == back[0].Hash() {
		return
	}
	c.bad(KindOwner, "the blob's name has owner %016X, but %s has %016X", c.OwnerHash, back[0], back[0].Hash())
}

func (c *check) attributes() {
	a := c.Inode.Attr
	for _, t := range []clfs.Time{a.Mtime, a.Ctime, a.Atime} {
		if t.Nsec >= 1e9 {
			c.bad(KindAttributes, "a time with %d nanoseconds", t.Nsec)
		}
	}
	if device := a.Type == clfs.TypeBlock || a.Type == clfs.TypeChar; !device && (a.RdevMajor != 0 || a.RdevMinor != 0) {
		c.bad(KindAttributes, "device number %d:%d on a %s", a.RdevMajor, a.RdevMinor, a.Type)
	}
}

// links compares the link count with the back pointers, except for a directory.
func (c *check) links() {
	nlink, back := c.Inode.Attr.Nlink, len(c.Inode.BackPointers)
	if !c.IsDir() && (int(nlink) != back || back == 0 || back > clfs.MaxLinks) {
		c.bad(KindLinkCount, "link count %d with %d back pointers", nlink, back)
	}
}

// target checks the target of a symbolic link. CLFSLoad counts its size in characters.
func (c *check) target() {
	target, size := c.Target(), c.Inode.Attr.Size
	if c.Type() != clfs.TypeSymlink {
		return
	}
	if len(target) == 0 || len(target) > clfs.MaxTargetBytes || bytes.IndexByte(target, 0) >= 0 {
		c.bad(KindSize, "link target of %d bytes that cannot be one", len(target))
	}
	if size != uint64(len(target)) && size != uint64(utf8.RuneCount(target)) {
		c.bad(KindSize, "the size is %d, the link target has %d bytes", size, len(target))
	}
}

// contents checks how the contents are cut, and that the inode does not have too many of them.
func (c *check) contents() {
	in, segment := c.Inode, uint32(clfs.SegmentBytes)
	if c.IsDir() {
		segment = clfs.DirSegmentBytes
	}
	if in.FirstSegmentSize != clfs.FirstSegmentBytes || in.SegmentSize != segment {
		c.bad(KindBlockMap, "segment sizes %d and %d, must be %d and %d", in.FirstSegmentSize, in.SegmentSize, clfs.FirstSegmentBytes, segment)
	}
	switch c.Type() {
	case clfs.TypeDirectory:
	case clfs.TypeRegular:
		if have, want := uint64(len(in.Data)), min(uint64(in.FirstSegmentSize), in.Attr.Size); have > want {
			c.bad(KindSegmentLength, "the inode has %d bytes of contents, must have %d", have, want)
		}
		if end := c.needs(); end > 0 && uint64(len(in.Direct)) > end {
			c.bad(KindBlockMap, "%d direct blocks in a file of %d bytes, must be %d", len(in.Direct), in.Attr.Size, min(end, clfs.MaxDirect))
		}
	default:
		if c.hasBlocks() {
			c.bad(KindBlockMap, "a %s with blocks", c.Type())
		}
	}
}

// CheckLink compares an inode with the directory that has an entry for it.
func (n *Node) CheckLink(dir clfs.ID) error {
	for _, back := range n.Inode.BackPointers {
		if back == dir {
			return nil
		}
	}
	if n.IsDir() || len(n.Inode.BackPointers) == 0 {
		return nil
	}
	return damagef(KindBackPointer, n.Blob, "no back pointer leads to %s, which has an entry for it", dir)
}

// CheckObject returns the parts of an object that contradict its name: see [Node.Check] and
// [CheckSegment].
func CheckObject(o Object, payload []byte) error {
	switch {
	case o.Form == 1:
		return nil
	case o.Type.IsInode():
		in, err := object.DecodeInode(payload)
		if err != nil {
			return BadObject(err, o.Blob)
		}
		n := &Node{Object: o, Inode: in, Payload: payload}
		return errors.Join(n.checkOwnID(), n.Check())
	case o.Type == clfs.TypeSegment:
		s, err := object.DecodeSegment(payload)
		if err != nil {
			return BadObject(err, o.Blob)
		}
		if s.Owner.Hash() != o.OwnerHash {
			return damagef(KindSegmentOwner, o.Blob, "segment says it belongs to %s, whose hash is not the owner's in the blob's name", s.Owner)
		}
	}
	return nil
}
