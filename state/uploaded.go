package state

import (
	"iter"

	"clfsload/clfs"
)

// derivedBlocks is how many blocks without a row have names that follow from Gen.
func (n *Node) derivedBlocks() uint64 {
	if n.Flags&BaseMap != 0 {
		return 0
	}
	return n.Sealed
}

// sealGen is the generation of the last seal; that of a directory was recorded
// with its put.
func (n *Node) sealGen() uint64 {
	if n.IsDirectory() {
		return n.PutGen - 1
	}
	return n.Next - 1
}

// mayBeUp reports whether a block with a row may be in the container, other than as one below
// the peak.
func (n *Node) mayBeUp(b *Block) bool {
	return b.isUp() && b.Gen != n.Next || b.Gen == n.Next && b.Index >= n.Peak
}

// derived is how many blocks without a row are in the container, and their generation.
func (n *Node) derived() (blocks, gen uint64) {
	if n.IsDirectory() {
		return n.Mapped, n.sealGen()
	}
	return n.derivedBlocks(), n.Gen
}

// segmentsOf lists the data segments of a node, by block and generation, that may
// be in the container: all that were uploaded, and what may have been as Next: below the
// peak, and early, which have rows.
func segmentsOf(n *Node, rows []Block) iter.Seq2[uint64, uint64] {
	return func(yield func(index, gen uint64) bool) {
		for _, b := range rows {
			if b.Index > 0 && n.mayBeUp(&b) && !yield(b.Index, b.Gen) {
				return
			}
		}
		standing, gen := n.derived()
		for from, to := range gaps(rows, 1, standing) {
			for index := from; index < to; index++ {
				if !yield(index, gen) {
					return
				}
			}
		}
		for index := uint64(1); index < n.Peak; index++ {
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

// isUploaded reports whether the node is a file whose contents can be read without
// its staging file: from the container, and from the image if there is one.
func (n *Node) isUploaded() bool {
	return n.Attr.Type == clfs.TypeRegular && (n.State == Done || n.State == Sealed && n.ContentsCurrent())
}

// vouchesForContents reports whether after a power cut the file passes for whole.
func (n *Node) vouchesForContents() bool {
	unsynced := n.State == Dirty && n.Flags&(Content|Synced) == Content
	return n.Attr.Size > 0 && n.State != Removed && !unsynced && n.Flags&(Opened|Incomplete) == 0
}

// isClean reports whether the container has what there is of a node.
func (n *Node) isClean() bool { return n.State == Done || n.State == Remote }

// MayHaveRows reports whether blocks of a node may have rows. Those of a file that is as a scan has
// found it have none if there is one segment at most, which is recorded with its inode.
func (n *Node) MayHaveRows() bool {
	return n.Seq != 0 || n.Attr.Type == clfs.TypeRegular && Blocks(n.Attr.Size) > 2
}

// IsStaged reports whether the journal knows that the node is in staging.
func (n *Node) IsStaged() bool { return n.used > 0 }

// PutName is the name of the inode blob of a node that is in the container.
func (n *Node) PutName() string {
	name := clfs.Name{ID: n.ID, Type: n.Attr.Type, OwnerHash: n.PutOwner, Version: n.PutVersion,
		Snapshot: clfs.LiveSnapshot, Form: 2}
	if n.Flags&NamedHardLink != 0 {
		name.Type = clfs.TypeHardLink
	}
	return name.String()
}

// inodeName is the name of a node's inode blob of which the owner is known by its
// hash.
func inodeName(n *Node, version uint32, owner uint64) string {
	return clfs.Name{ID: n.ID, Type: n.Attr.Type, OwnerHash: owner, Version: version,
		Snapshot: clfs.LiveSnapshot, Form: 2}.String()
}
