package garbage

import (
	"fmt"
	"iter"

	"clfsload/clfs"
	"clfsload/clfs/blockmap"
)

// IndirectNames lists the blobs of the indirect blocks of an object of so many
// blocks (its first included), but for the first ones of each place.
func IndirectNames(key clfs.Key, owner clfs.ID, gen, blocks uint64, kept [4][4]uint64) iter.Seq[string] {
	return func(yield func(string) bool) {
		if blocks == 0 {
			return
		}
		for tree, depths := range blockmap.IndirectCount(blocks - 1) {
			for depth, count := range depths {
				for index := kept[tree][depth]; index < count; index++ {
					id := clfs.IndirectID(key, owner, gen, tree, depth, index)
					if !yield(clfs.ObjectName(id, owner, clfs.TypeIndirect, clfs.FirstVersion)) {
						return
					}
				}
			}
		}
	}
}

// SegmentName is the name of the blob of a block, which is not the head.
func SegmentName(key clfs.Key, owner clfs.ID, gen, index uint64) string {
	return clfs.ObjectName(clfs.SegmentID(key, owner, gen, index-1), owner, clfs.TypeSegment, clfs.FirstVersion)
}

// SegmentRun stands for the blobs of the blocks from..to-1 of one generation.
type SegmentRun struct {
	Owner         clfs.ID
	Gen, From, To uint64
}

// segmentRunForm is how the journal has a run in place of the name of a blob.
const segmentRunForm = "segments of %X generation %d blocks %d to %d"

func (r SegmentRun) String() string {
	return fmt.Sprintf(segmentRunForm, string(r.Owner), r.Gen, r.From, r.To)
}

// ParseSegmentRun is the inverse; ok is false for the name of a blob.
func ParseSegmentRun(text string) (r SegmentRun, ok bool) {
	var owner []byte
	n, err := fmt.Sscanf(text, segmentRunForm, &owner, &r.Gen, &r.From, &r.To)
	r.Owner = clfs.ID(owner)
	return r, n == 4 && err == nil
}
