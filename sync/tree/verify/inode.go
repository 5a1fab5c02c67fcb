package verify

import (
	"bytes"
	"context"
	"unicode/utf8"

	"clfsload/clfs"
	"clfsload/sync/tree"
)

// inode checks an inode where it is found first, and its blocks.
func (c *checker) inode(ctx context.Context, n *tree.Node, at place) error {
	c.count(n.Type())
	c.origin.see(n)
	in := n.Inode
	if in.ID() != n.ID {
		c.damage(tree.KindOwnID, at.path, n.Blob, "the inode says that it is %s", in.ID())
	}
	c.types(n, at)
	c.owner(n, at)
	if err := c.handle(n, at); err != nil {
		return err
	}
	c.attributes(n, at)
	c.sizes(n, at)
	if len(in.Unknown) == 0 && !bytes.Equal(in.Append(nil), n.Payload) {
		c.damage(KindRecordOrder, at.path, n.Blob, "the records are not those that such an inode has, in their order")
	}
	return c.contents(ctx, n, at)
}

// types compares the three places that tell an inode's type; a filehandle is
// the fourth.
func (c *checker) types(n *tree.Node, at place) {
	a := n.Inode.Attr
	linked := n.Name.Type == clfs.TypeHardLink && len(n.Inode.BackPointers) > 1
	if n.Name.Type != a.Type && !linked {
		c.damage(KindType, at.path, n.Blob, "the blob's name says %s, the attributes say %s", n.Name.Type, a.Type)
	}
	if t, err := clfs.TypeOfMode(a.Mode); err != nil || t != a.Type {
		c.damage(KindType, at.path, n.Blob, "mode %#o on a %s", a.Mode, a.Type)
	}
}

// owner compares the owner in the blob's name with the directory that it must be.
func (c *checker) owner(n *tree.Node, at place) {
	owner := at.dir
	if back := n.Inode.BackPointers; !n.IsDir() && len(back) > 0 {
		owner = back[0]
	}
	if n.OwnerHash != owner.Hash() {
		c.damage(KindOwner, at.path, n.Blob, "the blob's name has owner %016X, but %s has %016X", n.OwnerHash, owner, owner.Hash())
	}
}

func (c *checker) attributes(n *tree.Node, at place) {
	a := n.Inode.Attr
	bad := func(format string, args ...any) { c.damage(KindAttributes, at.path, n.Blob, format, args...) }
	if a.FSID != c.root.FSID || a.ContainerID != c.root.ContainerID {
		bad("fsid %#x and containerid %#x, the root has %#x and %#x", a.FSID, a.ContainerID, c.root.FSID, c.root.ContainerID)
	}
	for _, t := range []clfs.Time{a.Mtime, a.Ctime, a.Atime} {
		if t.Nsec >= 1e9 {
			bad("a time with %d nanoseconds", t.Nsec)
		}
	}
	if device := a.Type == clfs.TypeBlock || a.Type == clfs.TypeChar; !device && (a.RdevMajor != 0 || a.RdevMinor != 0) {
		bad("device number %d:%d on a %s", a.RdevMajor, a.RdevMinor, a.Type)
	}
	if a.Used != a.Size {
		bad("%d bytes used, the size is %d", a.Used, a.Size)
	}
	if a.Flags != 0 || a.Dtime != (clfs.Time{}) || a.Reserved3 != 0 || a.Reserved92 != 0 {
		c.remark(KindAttributes, at.path, n.Blob, "flags, deletion time or reserved fields that a loader leaves 0")
	}
}

// sizes checks what the size says of a link, and the link count of what is no
// directory. Files and directories are looked at with their contents.
func (c *checker) sizes(n *tree.Node, at place) {
	in := n.Inode
	if !n.IsDir() && (int(in.Attr.Nlink) != len(in.BackPointers) || len(in.BackPointers) == 0 || len(in.BackPointers) > clfs.MaxLinks) {
		c.damage(KindLinkCount, at.path, n.Blob, "link count %d with %d back pointers", in.Attr.Nlink, len(in.BackPointers))
	}
	if n.Type() != clfs.TypeSymlink {
		return
	}
	if len(in.Data) == 0 || len(in.Data) > clfs.MaxTargetBytes || bytes.IndexByte(in.Data, 0) >= 0 {
		c.damage(KindSize, at.path, n.Blob, "link target of %d bytes that cannot be one", len(in.Data))
	}
	switch in.Attr.Size {
	case uint64(len(in.Data)):
	case uint64(utf8.RuneCount(in.Data)):
		c.remark(KindSymlinkSize, at.path, n.Blob, "the size is %d, in characters; the target has %d bytes", in.Attr.Size, len(in.Data))
	default:
		c.damage(KindSize, at.path, n.Blob, "the size is %d, the link target has %d bytes", in.Attr.Size, len(in.Data))
	}
}
