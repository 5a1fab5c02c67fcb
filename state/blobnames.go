package state

import (
	"fmt"
	"iter"

	"clfsload/clfs"
	"clfsload/clfs/blockmap"
)

// indirectNames lists the blobs of the indirect blocks of an object of so many
// blocks (its first included), but for the first ones of each place.
func indirectNames(key clfs.Key, owner clfs.ID, gen, blocks uint64, kept [4][4]uint64) iter.Seq[string] {
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

// segmentName is the name of the blob of a block, which is not the head.
func segmentName(key clfs.Key, owner clfs.ID, gen, index uint64) string {
	return clfs.ObjectName(clfs.SegmentID(key, owner, gen, index-1), owner, clfs.TypeSegment, clfs.FirstVersion)
}

// segmentRun stands for the blobs of the blocks from..to-1 of one generation.
type segmentRun struct {
	owner         clfs.ID
	gen, from, to uint64
}

// segmentRunForm is how the journal has a run in place of the name of a blob.
const segmentRunForm = "segments of %X generation %d blocks %d to %d"

func (r segmentRun) String() string {
	return fmt.Sprintf(segmentRunForm, string(r.owner), r.gen, r.from, r.to)
}

// parseSegmentRun is the inverse; ok is false for the name of a blob.
func parseSegmentRun(text string) (r segmentRun, ok bool) {
	var owner []byte
	n, err := fmt.Sscanf(text, segmentRunForm, &owner, &r.gen, &r.from, &r.to)
	r.owner = clfs.ID(owner)
	return r, n == 4 && err == nil
}
