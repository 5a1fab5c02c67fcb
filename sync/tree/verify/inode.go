package verify

import (
	"bytes"
	"context"
	"unicode/utf8"

	"clfsload/clfs"
	"clfsload/sync/tree"
)

// inode checks an inode at its first entry, and its blocks.
func (c *checker) inode(ctx context.Context, n *tree.Node, at place) error {
	c.count(n.Type())
	c.origin.see(n)
	in := n.Inode
	if in.ID() != n.ID {
		c.damage(tree.KindOwnID, at.path, n.Blob, "the inode says that it is %s", in.ID())
	}
	if err := c.reading(at.path, n.Check()); err != nil {
		return err
	}
	c.owner(n, at)
	if err := c.handle(n, at); err != nil {
		return err
	}
	c.attributes(n, at)
	c.characters(n, at)
	if len(in.Unknown) == 0 && !bytes.Equal(in.Append(nil), n.Payload) {
		c.damage(KindRecordOrder, at.path, n.Blob, "the records or their order are not those of such an inode")
	}
	return c.contents(ctx, n, at)
}

// owner compares the owner in a directory's name with its parent directory. For other types, the
// first back pointer has the owner: see [tree.Node.Check].
func (c *checker) owner(n *tree.Node, at place) {
	if len(n.Inode.BackPointers) > 0 && !n.IsDir() || n.OwnerHash == at.dir.Hash() {
		return
	}
	severity := Damage
	if n.IsDir() {
		severity = c.moves()
	}
	c.find(severity, KindOwner, at.path, n.Blob, "the blob's name has owner %016X, but %s has %016X", n.OwnerHash, at.dir, at.dir.Hash())
}

func (c *checker) attributes(n *tree.Node, at place) {
	a := n.Inode.Attr
	bad := func(format string, args ...any) { c.damage(KindAttributes, at.path, n.Blob, format, args...) }
	if a.FSID != c.root.FSID || a.ContainerID != c.root.ContainerID {
		bad("fsid %#x and containerid %#x, the root has %#x and %#x", a.FSID, a.ContainerID, c.root.FSID, c.root.ContainerID)
	}
	if a.Used != a.Size {
		bad("%d bytes used, the size is %d", a.Used, a.Size)
	}
	if a.Flags != 0 || a.Dtime != (clfs.Time{}) || a.Reserved3 != 0 || a.Reserved92 != 0 {
		c.remark(KindAttributes, at.path, n.Blob, "flags, deletion time or reserved fields that a loader leaves 0")
	}
}

// characters remarks that the size of a link is in characters, as CLFSLoad has it.
func (c *checker) characters(n *tree.Node, at place) {
	size, target := n.Inode.Attr.Size, n.Target()
	if n.Type() == clfs.TypeSymlink && size != uint64(len(target)) && size == uint64(utf8.RuneCount(target)) {
		c.remark(KindSymlinkSize, at.path, n.Blob, "the size is %d, in characters; the target has %d bytes", size, len(target))
	}
}
