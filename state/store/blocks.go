package store

import (
	"context"
	"fmt"

	"clfsload/state/schema"
)

var (
	blockStmt      = NewStatement(`SELECT idx, gen, state FROM block WHERE ino = ? AND idx = ?`)
	blocksFromStmt = NewStatement(`SELECT idx, gen, state FROM block WHERE ino = ? AND idx >= ? ORDER BY idx`)
	blocksPageStmt = NewStatement(blocksPageQuery)
	setBlockStmt   = NewRedoable(opSetBlock, 4, `INSERT OR REPLACE INTO block (ino, idx, gen, state) VALUES (?, ?, ?, ?)`)
	dropBlocksStmt = NewRedoable(opDropBlocks, 3, `DELETE FROM block WHERE ino = ?1 AND idx >= ?2 AND state <> ?3`)
)

// BlocksOf returns the blocks of a file that have a row, by index. There may be
// dirty ones past its end, which mean nothing.
func (j *Store) BlocksOf(ctx context.Context, ino schema.Ino) (list []schema.Block, err error) {
	done, err := j.Ahead(ctx, func(t *Tx) (err error) {
		list, err = BlocksFrom(t, ino, 0)
		return err
	})
	if !done {
		list, err = QueryAll(context.WithoutCancel(ctx), j.Read, schema.ScanBlock, blocksQuery, ino)
	}
	if err != nil {
		return nil, fmt.Errorf("list blocks of node %d: %w", ino, Classify(err))
	}
	return list, nil
}

// BlocksFrom returns up to limit blocks of a file that have a row, by index, all from the block
// first on.
func (j *Store) BlocksFrom(ctx context.Context, ino schema.Ino, first uint64, limit int) (list []schema.Block, err error) {
	done, err := j.Ahead(ctx, func(t *Tx) (err error) {
		rows, err := blocksPageStmt.Query(t, ino, first, limit)
		list, err = schema.ScanAll(rows, err, schema.ScanBlock)
		return err
	})
	if !done {
		list, err = QueryAll(context.WithoutCancel(ctx), j.Read, schema.ScanBlock, blocksPageQuery, ino, first, limit)
	}
	if err != nil {
		return nil, fmt.Errorf("list blocks of node %d: %w", ino, Classify(err))
	}
	return list, nil
}

// FindBlock returns the row of a block, if it has one.
func FindBlock(t *Tx, ino schema.Ino, index uint64) (b schema.Block, known bool, err error) {
	b, err = schema.ScanBlock(blockStmt.QueryRow(t, ino, index))
	if NoRows(err) {
		return schema.Block{Index: index}, false, nil
	}
	return b, err == nil, err
}

func BlocksFrom(t *Tx, ino schema.Ino, first uint64) ([]schema.Block, error) {
	rows, err := blocksFromStmt.Query(t, ino, first)
	return schema.ScanAll(rows, err, schema.ScanBlock)
}

func SetBlock(t *Tx, ino schema.Ino, b schema.Block) error {
	_, err := setBlockStmt.Exec(t, ino, b.Index, b.Gen, b.State)
	return err
}

const blocksPageQuery = `SELECT idx, gen, state FROM block WHERE ino = ? AND idx >= ? ORDER BY idx LIMIT ?`

const blocksQuery = `SELECT idx, gen, state FROM block WHERE ino = ? ORDER BY idx`

// DropBlockRows deletes the rows of the blocks of a file from the first one on, but for those of a state.
func DropBlockRows(t *Tx, ino schema.Ino, first uint64, kept schema.BlockState) error {
	_, err := dropBlocksStmt.Exec(t, ino, first, kept)
	return err
}
