package state

import (
	"context"
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
// those that are garbage already.
func (j *Journal) NamesOf(ctx context.Context, n Node) ([]string, error) {
	rows, err := j.BlocksOf(ctx, n.Ino)
	if err != nil {
		return nil, err
	}
	var names []string
	if n.PutVersion != 0 {
		names = append(names, inodeName(&n, n.PutVersion, n.PutOwner))
	}
	for index, gen := range segmentsOf(&n, rows) {
		id := clfs.SegmentID(j.Settings.Key, n.ID, gen, index-1)
		names = append(names, clfs.ObjectName(id, n.ID, clfs.TypeSegment, clfs.FirstVersion))
	}
	for _, m := range []struct{ gen, blocks uint64 }{{n.sealGen(), n.Mapped}, {n.Next, n.Peak}} {
		for name := range indirectNames(j.Settings.Key, n.ID, m.gen, m.blocks, nothingKept) {
			names = append(names, name)
		}
	}
	return names, nil
}

// sealGen is the generation of the last seal; that of a directory was recorded
// with its put.
func (n *Node) sealGen() uint64 {
	if n.IsDirectory() {
		return n.PutGen - 1
	}
	return n.Next - 1
}

// segmentsOf lists the data segments of a node, by block and generation, that may
// be in the container: all that were uploaded, and what may have been as Next.
func segmentsOf(n *Node, rows []Block) iter.Seq2[uint64, uint64] {
	return func(yield func(index, gen uint64) bool) {
		known := map[uint64]bool{0: true}
		for _, b := range rows {
			known[b.Index] = true
			if b.Index > 0 && b.isUp() && (b.Gen != n.Next || b.Index >= n.Peak) && !yield(b.Index, b.Gen) {
				return
			}
		}
		standing, gen := n.Sealed, n.Gen
		if n.IsDirectory() {
			standing, gen = n.Mapped, n.sealGen()
		}
		for index := uint64(1); index < standing; index++ {
			if !known[index] && !yield(index, gen) {
				return
			}
		}
		for index := uint64(1); index < n.Peak; index++ {
			if !yield(index, n.Next) {
				return
			}
		}
	}
}
