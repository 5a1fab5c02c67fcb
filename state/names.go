package state

import (
	"context"
	"fmt"
	"iter"

	"clfsload/clfs"
)

// indirectNames lists the blobs of the indirect blocks of an object of so many
// blocks (its first included), but for the first ones of each place.
func indirectNames(key clfs.Key, owner clfs.ID, gen, blocks uint64, kept [4][4]uint64) iter.Seq[string] {
	return func(yield func(string) bool) {
		if blocks == 0 {
			return
		}
		for tree, depths := range clfs.IndirectCount(blocks - 1) {
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

// NamesOf lists the blobs of a removed node that may be in the container, but for
// those that are garbage already, and those that a BaseMap leads to.
func (j *Journal) NamesOf(ctx context.Context, n Node) (iter.Seq[string], error) {
	rows, err := j.BlocksOf(ctx, n.Ino)
	if err != nil {
		return nil, err
	}
	return func(yield func(string) bool) {
		if n.PutVersion != 0 && !yield(n.PutName()) {
			return
		}
		for index, gen := range segmentsOf(&n, rows) {
			if !yield(segmentName(j.Settings.Key, n.ID, gen, index)) {
				return
			}
		}
		for _, m := range []struct{ gen, blocks uint64 }{{n.sealGen(), n.Mapped}, {n.Next, n.Peak}} {
			for name := range indirectNames(j.Settings.Key, n.ID, m.gen, m.blocks, nothingKept) {
				if !yield(name) {
					return
				}
			}
		}
	}, nil
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
