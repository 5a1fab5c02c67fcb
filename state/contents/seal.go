package contents

import (
	"clfsload/clfs"
	"clfsload/clfs/blockmap"
	"clfsload/state/garbage"
	"clfsload/state/schema"
	"clfsload/state/store"
)

var (
	sealBlocksStmt  = store.NewStatement(`UPDATE block SET gen = ?2, state = {block uploaded} WHERE ino = ?1 AND state < {block uploaded}`)
	countBlocksStmt = store.NewStatement(`SELECT count(*), count(*) FILTER (WHERE gen <> ?2), count(*) FILTER (WHERE idx < ?3) FROM block WHERE ino = ?1`)
)

// Seal notes that all blocks of a file that were dirty are in the container, as
// generation Next: its contents as they are now can be put as an inode.
func Seal(t *store.Tx, n *schema.Node) error {
	blocks := schema.Blocks(n.Attr.Size)
	if n.Attr.Type == clfs.TypeRegular {
		if err := sealBlocks(t, n, blocks); err != nil {
			return err
		}
	}
	if err := DiscardExcess(t, n, blocks); err != nil {
		return err
	}
	if err := discardMap(t, n); err != nil {
		return err
	}
	n.SealedBlocks, n.MappedBlocks = blocks, blocks
	if n.Flags&schema.BaseMap != 0 {
		n.MappedBlocks = 0
	}
	n.Next++
	n.Reserved = 0
	n.Flags &^= schema.Content
	return nil
}

func sealBlocks(t *store.Tx, n *schema.Node, blocks uint64) error {
	if err := dropPastEnd(t, n, blocks); err != nil {
		return err
	}
	if _, err := sealBlocksStmt.Exec(t, n.Ino, n.Next); err != nil {
		return err
	}
	var count, others, replaced uint64
	if err := countBlocksStmt.QueryRow(t, n.Ino, n.Next, n.SealedBlocks).Scan(&count, &others, &replaced); err != nil {
		return err
	}
	if others == 0 && replaced == n.SealedBlocks {
		return makeUniform(t, n)
	}
	if n.Flags&schema.BaseMap != 0 { // the map that is put says where all blocks are
		err := store.DropBlockRows(t, n.Ino, 0, schema.NoBlockState)
		return err
	}
	if replaced == n.SealedBlocks {
		noteStaged(t, n) // nothing is without a row any more
	}
	rows, err := store.BlocksFrom(t, n.Ino, n.SealedBlocks)
	if err != nil {
		return err
	}
	for from, to := range schema.Gaps(rows, n.SealedBlocks, blocks) {
		for index := from; index < to; index++ {
			if err := store.SetBlock(t, n.Ino, schema.Block{Index: index, Gen: n.Next, State: schema.BlockUploaded}); err != nil {
				return err
			}
		}
	}
	return nil
}

// noteStaged notes that blocks without a row are in staging, if the file is there.
func noteStaged(t *store.Tx, n *schema.Node) {
	if n.Used > 0 {
		n.Flags &^= schema.Evicted
	}
}

// dropPastEnd forgets blocks past the end. Those of them that may have been uploaded
// early, as Next, are garbage; DiscardExcess has the ones below the peak.
func dropPastEnd(t *store.Tx, n *schema.Node, blocks uint64) error {
	rows, err := store.BlocksFrom(t, n.Ino, max(blocks, n.Reserved))
	if err != nil {
		return err
	}
	for _, b := range rows {
		if b.Gen != n.Next {
			continue
		}
		if err := garbage.AddSegment(t, n, b.Index, b.Gen, garbage.AtOnce); err != nil {
			return err
		}
	}
	err = store.DropBlockRows(t, n.Ino, blocks, schema.NoBlockState)
	return err
}

// makeUniform drops the rows of a file whose blocks are all of one generation, but
// for those that are not in staging.
func makeUniform(t *store.Tx, n *schema.Node) error {
	n.Gen = n.Next
	n.Flags &^= schema.BaseMap
	noteStaged(t, n)
	err := store.DropBlockRows(t, n.Ino, 0, schema.BlockRemote)
	return err
}

// DiscardExcess makes garbage of what may have been uploaded as Next past the end
// that the object has now.
func DiscardExcess(t *store.Tx, n *schema.Node, blocks uint64) error {
	if err := garbage.AddSegments(t, n, blocks, n.Reserved, n.Next, garbage.AtOnce); err != nil {
		return err
	}
	if n.Reserved <= blocks {
		return nil
	}
	kept := blockmap.IndirectCount(blocks - 1)
	return garbage.AddIndirect(t, n, n.Next, n.Reserved, kept, garbage.AtOnce)
}

// discardMap makes garbage of the indirect blocks of the last seal, once the next
// one is put.
func discardMap(t *store.Tx, n *schema.Node) error {
	if n.MappedBlocks == 0 {
		return nil
	}
	return garbage.AddIndirect(t, n, n.Next-1, n.MappedBlocks, garbage.NothingKept, n.Next+1)
}
