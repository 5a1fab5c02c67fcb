package readonly

import (
	"context"
	"iter"

	"clfsload/clfs"
	"clfsload/clfs/object"
)

// A Container is what a file system shows. It is used by many goroutines. Its
// errors name the object that they are about; [Options].Errno knows their
// meaning.
type Container interface {
	// Node reads the live version of an inode.
	Node(ctx context.Context, id clfs.ID) (Node, error)
	// Renew returns known if it still is the live version of its inode, and otherwise reads
	// the live one.
	Renew(ctx context.Context, known Node) (Node, error)
	// Published asks which publication the container holds.
	Published(ctx context.Context) (Publication, error)
	// Usage is what is known of the container's size. It does no request.
	Usage() Usage
	// Publishing reports whether a publication to the container may be under way, or was cut
	// off: directories may lead to each other in a loop then.
	Publishing(ctx context.Context) bool
}

// A Node is an inode that was read.
type Node interface {
	Inode() *object.Inode
	// Version tells what was put of the inode, at one time, from what was put at another time.
	// It is no number of versions: a publication that follows one that was cut off may put an
	// inode once more under the same name.
	Version() uint64
	// Block reads a part of a regular file: block 0 is what the inode holds, each further
	// one a segment. The bytes do not change any more. They are nil for a hole.
	Block(ctx context.Context, number uint64) ([]byte, error)
	// DirSegments reads the blocks from..to of a directory in order. A block
	// that cannot be read comes as an error, and the iteration goes on behind it.
	DirSegments(ctx context.Context, from, to uint64) iter.Seq2[DirSegment, error]
}

// A DirSegment is a block of a directory.
type DirSegment struct {
	Number uint64 // from 1; the entries before it are in the inode
	Raw    []byte // packed entries; valid until the next segment
}

// Usage is the size of a container. Zero is for what is not known yet.
type Usage struct {
	Bytes  uint64 // of all blobs
	Inodes uint64
}
