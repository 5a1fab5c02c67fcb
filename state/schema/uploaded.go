package schema

import (
	"iter"

	"clfsload/clfs"
)

// DerivedBlocks is how many blocks without a row have names that follow from Gen.
func (n *Node) DerivedBlocks() uint64 {
	if n.Flags&BaseMap != 0 {
		return 0
	}
	return n.SealedBlocks
}

// SealGen is the generation of the last seal; that of a directory was recorded
// with its put.
func (n *Node) SealGen() uint64 {
	if n.IsDirectory() {
		return n.PutGen - 1
	}
	return n.Next - 1
}

// MayBeUp reports whether a block with a row may be in the container, other than as one below
// the peak.
func (n *Node) MayBeUp(b *Block) bool {
	return b.IsUp() && b.Gen != n.Next || b.Gen == n.Next && b.Index >= n.Reserved
}

// Derived is how many blocks without a row are in the container, and their generation.
func (n *Node) Derived() (blocks, gen uint64) {
	if n.IsDirectory() {
		return n.MappedBlocks, n.SealGen()
	}
	return n.DerivedBlocks(), n.Gen
}

// SegmentsOf lists the data segments of a node, by block and generation, that may
// be in the container: all that were uploaded, and what may have been as Next: below the
// peak, and early, which have rows.
func SegmentsOf(n *Node, rows []Block) iter.Seq2[uint64, uint64] {
	return func(yield func(index, gen uint64) bool) {
		for _, b := range rows {
			if b.Index > 0 && n.MayBeUp(&b) && !yield(b.Index, b.Gen) {
				return
			}
		}
		standing, gen := n.Derived()
		for from, to := range Gaps(rows, 1, standing) {
			for index := from; index < to; index++ {
				if !yield(index, gen) {
					return
				}
			}
		}
		for index := uint64(1); index < n.Reserved; index++ {
			if !yield(index, n.Next) {
				return
			}
		}
	}
}

// ContentsCurrent reports whether the newest inode payload that there is, the image
// or else the blob in the container, has the node's contents as they are: then also
// its size and times.
func (n *Node) ContentsCurrent() bool {
	if n.Flags&Content != 0 {
		return false
	}
	if n.ImageGen != 0 {
		return n.ImageGen == n.Next
	}
	return n.PutVersion != 0 && n.PutGen == n.Next
}

// MayHaveBlocks reports whether the rows of a file's blocks may say anything that its
// own does not: a head in which the file ends is where the flag Evicted says.
func (n *Node) MayHaveBlocks() bool {
	return n.Attr.Size >= clfs.FirstSegmentBytes || n.Flags&(Evicted|Opened) != 0
}

// IsUploaded reports whether the node is a file whose contents can be read without
// its staging file: from the container, and from the image if there is one.
func (n *Node) IsUploaded() bool {
	return n.Attr.Type == clfs.TypeRegular && (n.State == Done || n.State == Sealed && n.ContentsCurrent())
}

// VouchesForContents reports whether after a power cut the file passes for whole.
func (n *Node) VouchesForContents() bool {
	unsynced := n.State == Dirty && n.Flags&(Content|Synced) == Content
	return n.Attr.Size > 0 && n.State != Removed && !unsynced && n.Flags&(Opened|Incomplete) == 0
}

// IsClean reports whether the container has what there is of a node.
func (n *Node) IsClean() bool { return n.State == Done || n.State == Remote }

// MayHaveRows reports whether blocks of a node may have rows. Those of a file that is as a scan has
// found it have none if there is one segment at most, which is recorded with its inode.
func (n *Node) MayHaveRows() bool {
	return n.Seq != 0 || n.Attr.Type == clfs.TypeRegular && Blocks(n.Attr.Size) > 2
}

// IsStaged reports whether the journal knows that the node is in staging.
func (n *Node) IsStaged() bool { return n.Used > 0 }

// PutName is the name of the inode blob of a node that is in the container.
func (n *Node) PutName() string {
	name := clfs.Name{ID: n.ID, Type: n.Attr.Type, OwnerHash: n.PutOwner, Version: n.PutVersion,
		Snapshot: clfs.LiveSnapshot, Form: 2}
	if n.Flags&NamedHardLink != 0 {
		name.Type = clfs.TypeHardLink
	}
	return name.String()
}

// InodeName is the name of a node's inode blob of which the owner is known by its
// hash.
func InodeName(n *Node, version uint32, owner uint64) string {
	return clfs.Name{ID: n.ID, Type: n.Attr.Type, OwnerHash: owner, Version: version,
		Snapshot: clfs.LiveSnapshot, Form: 2}.String()
}
