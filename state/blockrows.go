package state

import (
	"context"
	"fmt"
)

var (
	blockStmt      = newStatement(`SELECT idx, gen, state FROM block WHERE ino = ? AND idx = ?`)
	blocksFromStmt = newStatement(`SELECT idx, gen, state FROM block WHERE ino = ? AND idx >= ? ORDER BY idx`)
	blocksPageStmt = newStatement(blocksPageQuery)
	setBlockStmt   = newRedoable(opSetBlock, 4, `INSERT OR REPLACE INTO block (ino, idx, gen, state) VALUES (?, ?, ?, ?)`)
	dropBlocksStmt = newRedoable(opDropBlocks, 3, `DELETE FROM block WHERE ino = ?1 AND idx >= ?2 AND state <> ?3`)
)

// BlocksOf returns the blocks of a file that have a row, by index. There may be
// dirty ones past its end, which mean nothing.
func (j *Store) BlocksOf(ctx context.Context, ino Ino) (list []Block, err error) {
	done, err := j.ahead(ctx, func(t *tx) (err error) {
		list, err = blocksFrom(t, ino, 0)
		return err
	})
	if !done {
		list, err = queryAll(context.WithoutCancel(ctx), j.read, scanBlock, blocksQuery, ino)
	}
	if err != nil {
		return nil, fmt.Errorf("list blocks of node %d: %w", ino, classify(err))
	}
	return list, nil
}

// BlocksFrom returns up to limit blocks of a file that have a row, by index, all from the block
// first on.
func (j *Store) BlocksFrom(ctx context.Context, ino Ino, first uint64, limit int) (list []Block, err error) {
	done, err := j.ahead(ctx, func(t *tx) (err error) {
		rows, err := blocksPageStmt.Query(t, ino, first, limit)
		list, err = scanAll(rows, err, scanBlock)
		return err
	})
	if !done {
		list, err = queryAll(context.WithoutCancel(ctx), j.read, scanBlock, blocksPageQuery, ino, first, limit)
	}
	if err != nil {
		return nil, fmt.Errorf("list blocks of node %d: %w", ino, classify(err))
	}
	return list, nil
}

// findBlock returns the row of a block, if it has one.
func findBlock(t *tx, ino Ino, index uint64) (b Block, known bool, err error) {
	b, err = scanBlock(blockStmt.QueryRow(t, ino, index))
	if noRows(err) {
		return Block{Index: index}, false, nil
	}
	return b, err == nil, err
}

func blocksFrom(t *tx, ino Ino, first uint64) ([]Block, error) {
	rows, err := blocksFromStmt.Query(t, ino, first)
	return scanAll(rows, err, scanBlock)
}

func setBlock(t *tx, ino Ino, b Block) error {
	_, err := setBlockStmt.Exec(t, ino, b.Index, b.Gen, b.State)
	return err
}

const blocksPageQuery = `SELECT idx, gen, state FROM block WHERE ino = ? AND idx >= ? ORDER BY idx LIMIT ?`

const blocksQuery = `SELECT idx, gen, state FROM block WHERE ino = ? ORDER BY idx`

// dropBlockRows deletes the rows of the blocks of a file from the first one on, but for those of a state.
func dropBlockRows(t *tx, ino Ino, first uint64, kept BlockState) error {
	_, err := dropBlocksStmt.Exec(t, ino, first, kept)
	return err
}
