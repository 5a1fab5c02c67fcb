package clfs

// How contents and directory entries are divided over objects (docs/clfs-format.md
// sections 3 to 5): the first bytes are in the inode, the rest in data segments, whose
// ids are in the direct list of the block map and behind it in trees.

const (
	// FirstSegmentBytes of a file's contents are in its inode.
	FirstSegmentBytes = 16384
	// SegmentBytes of a file are in each data segment; the last may be shorter.
	SegmentBytes = 8388608
	// FirstDirentBytes is how many bytes of entries a directory's inode takes.
	FirstDirentBytes = 16360
	// DirSegmentBytes is how many bytes of entries a directory's segment
	// takes, and how far apart the segments' offsets are.
	DirSegmentBytes = 262144

	// MaxTargetBytes is the longest target of a symbolic link.
	MaxTargetBytes = 1023
	// MaxLinks is how many back pointers an inode can have.
	MaxLinks = 1023

	// MaxDirect is how many entries the direct list has, the own id included.
	MaxDirect = 1024
	// TreeCount is how many trees of indirect blocks follow the direct list.
	TreeCount = 4
	// IndirectFanout is how many ids an indirect block holds.
	IndirectFanout = 4096
)

// SegmentCount is how many data segments a file of size bytes has after the
// 16384 bytes in its inode.
func SegmentCount(size uint64) uint64 {
	if size <= FirstSegmentBytes {
		return 0
	}
	return (size-FirstSegmentBytes-1)/SegmentBytes + 1
}

// SegmentOffset is where data segment index (from 0) of a file starts in it;
// of a directory if directory is true.
func SegmentOffset(index uint64, directory bool) uint64 {
	if directory {
		return FirstSegmentBytes + index*DirSegmentBytes
	}
	return FirstSegmentBytes + index*SegmentBytes
}
