package adopt

import (
	"context"
	"fmt"

	"golang.org/x/sys/unix"

	"clfsload/clfs"
	"clfsload/clfs/object"
	"clfsload/state"
	"clfsload/sync/tree"
)

// attributes reads the attributes of a Remote node.
func (r *Reader) attributes(ctx context.Context, ino state.Ino) error {
	row, err := r.journal.Node(ctx, ino)
	if err != nil || row.State != state.Remote {
		return err
	}
	n, err := r.tree.Node(ctx, row.ID)
	if err == nil {
		err = n.CheckTarget()
	}
	if err == nil && n.Type() != row.Attr.Type {
		err = &tree.Damage{Kind: tree.KindType, Object: n.Blob, Reason: fmt.Sprintf("the inode is a %s, its directory leads to a %s", n.Type(), row.Attr.Type)}
	}
	if err != nil {
		return fmt.Errorf("read inode %d (%q): %w", ino, row.Name, err)
	}
	return r.journal.AdoptNode(ctx, ino, adopted(n))
}

// adopted is the content of an inode.
func adopted(n *tree.Node) state.AdoptedNode {
	return state.AdoptedNode{
		Attr: attrOf(n.Inode), Target: n.Target(), Version: n.Version, Owner: n.OwnerHash,
		NamedHardLink: n.Name.Type == clfs.TypeHardLink, OlderVersions: n.Older > 0,
		Back: n.Inode.BackPointers, OddLayout: hasOddLayout(n.Inode),
	}
}

// hasOddLayout reports whether a file is cut into blocks in another way than ours.
func hasOddLayout(in *object.Inode) bool {
	if in.Attr.Type != clfs.TypeRegular {
		return false
	}
	return in.FirstSegmentSize != clfs.FirstSegmentBytes || in.SegmentSize != clfs.SegmentBytes ||
		uint64(len(in.Data)) != min(in.Attr.Size, clfs.FirstSegmentBytes)
}

// attrOf converts attributes. The size of a symbolic link is that of its target; that of a
// directory is not used.
func attrOf(in *object.Inode) state.Attr {
	a := in.Attr
	out := state.Attr{Type: a.Type, Mode: a.Type.ModeBits() | a.Mode&0o7777, UID: a.UID, GID: a.GID,
		Mtime: nanoseconds(a.Mtime), Ctime: nanoseconds(a.Ctime), Atime: nanoseconds(a.Atime), Nlink: uint64(a.Nlink)}
	switch a.Type {
	case clfs.TypeRegular:
		out.Size = int64(a.Size)
	case clfs.TypeSymlink:
		out.Size = int64(len(in.Data))
	case clfs.TypeBlock, clfs.TypeChar:
		out.Rdev = unix.Mkdev(a.RdevMajor, a.RdevMinor)
	}
	return out
}

func nanoseconds(t clfs.Time) int64 { return state.Nanoseconds(int64(t.Sec), int64(t.Nsec)) }
