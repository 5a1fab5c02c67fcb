package state

import (
	"clfsload/clfs"
	"clfsload/clfs/blockmap"
)

var (
	sealBlocksStmt  = newStatement(`UPDATE block SET gen = ?2, state = {block uploaded} WHERE ino = ?1 AND state < {block uploaded}`)
	countBlocksStmt = newStatement(`SELECT count(*), count(*) FILTER (WHERE gen <> ?2), count(*) FILTER (WHERE idx < ?3) FROM block WHERE ino = ?1`)
)

// seal notes that all blocks of a file that were dirty are in the container, as
// generation Next: its contents as they are now can be put as an inode.
func seal(t *tx, n *Node) error {
	blocks := Blocks(n.Attr.Size)
	if n.Attr.Type == clfs.TypeRegular {
		if err := sealBlocks(t, n, blocks); err != nil {
			return err
		}
	}
	if err := discardExcess(t, n, blocks); err != nil {
		return err
	}
	if err := discardMap(t, n); err != nil {
		return err
	}
	n.Sealed, n.Mapped = blocks, blocks
	if n.Flags&BaseMap != 0 {
		n.Mapped = 0
	}
	n.Next++
	n.Peak = 0
	n.Flags &^= Content
	return nil
}

func sealBlocks(t *tx, n *Node, blocks uint64) error {
	if err := dropPastEnd(t, n, blocks); err != nil {
		return err
	}
	if _, err := sealBlocksStmt.Exec(t, n.Ino, n.Next); err != nil {
		return err
	}
	var count, others, replaced uint64
	if err := countBlocksStmt.QueryRow(t, n.Ino, n.Next, n.Sealed).Scan(&count, &others, &replaced); err != nil {
		return err
	}
	if others == 0 && replaced == n.Sealed {
		return makeUniform(t, n)
	}
	if n.Flags&BaseMap != 0 { // the map that is put says where all blocks are
		err := dropBlockRows(t, n.Ino, 0, noBlockState)
		return err
	}
	if replaced == n.Sealed {
		noteStaged(t, n) // nothing is without a row any more
	}
	rows, err := blocksFrom(t, n.Ino, n.Sealed)
	if err != nil {
		return err
	}
	for from, to := range gaps(rows, n.Sealed, blocks) {
		for index := from; index < to; index++ {
			if err := setBlock(t, n.Ino, Block{Index: index, Gen: n.Next, State: BlockUploaded}); err != nil {
				return err
			}
		}
	}
	return nil
}

// noteStaged notes that blocks without a row are in staging, if the file is there.
func noteStaged(t *tx, n *Node) {
	if n.used > 0 {
		n.Flags &^= Evicted
	}
}

// dropPastEnd forgets blocks past the end. Those of them that may have been uploaded
// early, as Next, are garbage; discardExcess has the ones below the peak.
func dropPastEnd(t *tx, n *Node, blocks uint64) error {
	rows, err := blocksFrom(t, n.Ino, max(blocks, n.Peak))
	if err != nil {
		return err
	}
	for _, b := range rows {
		if b.Gen != n.Next {
			continue
		}
		if err := discardSegment(t, n, b.Index, b.Gen, atOnce); err != nil {
			return err
		}
	}
	err = dropBlockRows(t, n.Ino, blocks, noBlockState)
	return err
}

// makeUniform drops the rows of a file whose blocks are all of one generation, but
// for those that are not in staging.
func makeUniform(t *tx, n *Node) error {
	n.Gen = n.Next
	n.Flags &^= BaseMap
	noteStaged(t, n)
	err := dropBlockRows(t, n.Ino, 0, BlockRemote)
	return err
}

// discardExcess makes garbage of what may have been uploaded as Next past the end
// that the object has now.
func discardExcess(t *tx, n *Node, blocks uint64) error {
	if err := discardSegments(t, n, blocks, n.Peak, n.Next, atOnce); err != nil {
		return err
	}
	if n.Peak <= blocks {
		return nil
	}
	kept := blockmap.IndirectCount(blocks - 1)
	return discardIndirect(t, n, n.Next, n.Peak, kept, atOnce)
}

// discardMap makes garbage of the indirect blocks of the last seal, once the next
// one is put.
func discardMap(t *tx, n *Node) error {
	if n.Mapped == 0 {
		return nil
	}
	return discardIndirect(t, n, n.Next-1, n.Mapped, nothingKept, n.Next+1)
}
