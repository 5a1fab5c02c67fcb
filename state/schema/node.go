package schema

import (
	"clfsload/clfs"
)

// Flags say more of a node than its state.
type Flags uint32

const (
	Opened     Flags = 1 << iota // a writer has it open: size and mtime are those of the staging file
	Incomplete                   // its writer was cut off by a crash
	Content                      // its contents changed since the last seal
	Begun                        // a blob under its present Version and owner may be in the container
	Evicted                      // blocks without a row are not in staging
	Orphan                       // removed, but in use still
	Renamed                      // names or links changed since it was put
	Grown                        // of a directory: it may have entries that its blob does not list
	Synced                       // its staged bytes were fsynced after the last write

	// Of what was in the container before the journal; see the package adopt.

	Adopted       // its blob is another program's: what is put in its place starts from it
	BaseMap       // where blocks of generation 0 are, the block map of its newest payload says
	Unlisted      // directory: its entries are in the container alone
	Unfaithful    // directory: it has entries that a listing of ours would lose; file: it is not cut into blocks as ours are
	OlderVersions // the container had lower versions of its blob
	NamedHardLink // its blob's name says clfs.TypeHardLink

	Unordered // directory: a scan has added entries, which have no cookies yet
)

// Node is an inode with all that the journal knows of it. Attr.Nlink is Links.
type Node struct {
	Inode
	Flags Flags
	Seq   uint64 // number of its last change
	Cseq  uint64 // number of the last change of its contents

	Gen          uint64 // generation of uploaded blocks that have no row
	Next         uint64 // generation of what is uploaded from now on
	SealedBlocks uint64 // blocks of the last seal that still stand
	Reserved     uint64 // blocks that may have been uploaded as Next, beside those that have a row
	MappedBlocks uint64 // blocks at the last seal; of a directory: segments in the container and 1

	Version    uint32 // of the next inode blob
	PutVersion uint32 // of the inode blob in the container; 0: there is none
	PutOwner   uint64 // hash64 of the owner in that blob's name, or in the name that it is to have
	PutPub     uint64 // number of the first publication that may lead to that blob; 0: none was put
	PutGen     uint64 // 1 + generation of the seal in that blob; 0: none
	ImageGen   uint64 // likewise, of the payload kept for the next publication; 0: none

	Used uint64 // number of the change when it was last used; 0: not in staging
}

const NodeColumns = InodeColumns + `, flags, seq, cseq, gen, next, sealed, peak, mapped,
	version, put_version, put_owner, put_pub, put_gen, image_gen, used`

// NodeColumnsOf are the columns of the table that is called i in a query.
const NodeColumnsOf = `i.ino, i.parent, i.name, i.handle, i.state, i.type, i.mode, i.uid, i.gid, i.size, i.mtime, i.ctime,
	i.atime, i.fileid, i.rdev, i.links, i.target, i.flags, i.seq, i.cseq, i.gen,
	i.next, i.sealed, i.peak, i.mapped, i.version, i.put_version, i.put_owner, i.put_pub, i.put_gen, i.image_gen, i.used`

// ScanNode reads a row of NodeColumns, and before them what more is asked for.
func ScanNode(row Scanner, more ...any) (Node, error) {
	var n Node
	var id []byte
	var fileid, rdev, owner int64 // sqlite has signed integers only
	a := &n.Attr
	err := row.Scan(append(more, &n.Ino, &n.Parent, &n.Name, &id, &n.State, &a.Type, &a.Mode, &a.UID, &a.GID, &a.Size,
		&a.Mtime, &a.Ctime, &a.Atime, &fileid, &rdev, &n.Links, &n.Target,
		&n.Flags, &n.Seq, &n.Cseq, &n.Gen, &n.Next, &n.SealedBlocks, &n.Reserved, &n.MappedBlocks,
		&n.Version, &n.PutVersion, &owner, &n.PutPub, &n.PutGen, &n.ImageGen, &n.Used)...)
	if err != nil {
		return Node{}, err
	}
	n.ID = clfs.ID(id)
	n.PutOwner = uint64(owner)
	n.setOrigin(fileid, rdev)
	return n, nil
}

// IsDirectory reports whether the node is a directory.
func (n *Node) IsDirectory() bool { return n.Attr.Type == clfs.TypeDirectory }

const SavedColumns = `parent = ?2, name = ?3, mode = ?4, uid = ?5, gid = ?6, size = ?7, mtime = ?8, ctime = ?9, atime = ?10,
	links = ?11, flags = ?12, seq = ?13, cseq = ?14, gen = ?15, next = ?16, sealed = ?17, peak = ?18, mapped = ?19,
	version = ?20, put_version = ?21, put_owner = ?22, put_pub = ?23, put_gen = ?24, image_gen = ?25, used = ?26`

// Values are those of SavedColumns.
func (n *Node) Values() []any {
	a := &n.Attr
	return []any{n.Ino, n.Parent, n.Name, a.Mode, a.UID, a.GID, a.Size, a.Mtime, a.Ctime, a.Atime, n.Links, n.Flags,
		n.Seq, n.Cseq, n.Gen, n.Next, n.SealedBlocks, n.Reserved, n.MappedBlocks, n.Version, n.PutVersion, int64(n.PutOwner), n.PutPub,
		n.PutGen, n.ImageGen, n.Used}
}

func (n *Node) SetLinks(links uint32) {
	n.Links, n.Attr.Nlink = links, uint64(links)
}
