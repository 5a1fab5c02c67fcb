package state

import (
	"context"
	"fmt"
	"iter"

	"clfsload/clfs"
)

var (
	dropImageStmt      = newStatement(`DELETE FROM image WHERE ino = ?`)
	clearUploadFailureStmt   = newStatement(`DELETE FROM upload_failure WHERE ino = ?`)
	dropBacklinksStmt  = newStatement(`DELETE FROM backlink WHERE ino = ?`)
	dropOddIDStmt      = newStatement(`DELETE FROM odd_id WHERE ino = ?`)
	dropListingStmt    = newStatement(`DELETE FROM listing WHERE dir = ?`)
	voidTombstonesStmt = newStatement(`DELETE FROM tombstone WHERE dir = ?`)
	dropGarbageStmt    = newStatement(`DELETE FROM garbage WHERE id = ?`)
	dropNodeStmt       = newStatement(`DELETE FROM inode WHERE ino = ? AND state = {removed}`)
	dropNodeBlocksStmt = newStatement(`DELETE FROM block WHERE ino = ?`)
)

// Collector is the part of a journal that says which blobs may be deleted.
type Collector struct{ *Store }

// Garbage is a blob that nothing needs any more, or a run of segments.
type Garbage struct {
	ID   int64
	name string
	key  clfs.Key
}

// Foreign returns what is garbage if the names of its blobs are not known.
func (g Garbage) Foreign() (f Foreign, ok bool) { return parseForeign(g.name) }

// Names lists the names of the blobs, if they are known.
func (g Garbage) Names() iter.Seq[string] {
	return func(yield func(string) bool) {
		run, ok := parseSegmentRun(g.name)
		if !ok {
			if _, foreign := g.Foreign(); !foreign {
				yield(g.name)
			}
			return
		}
		for index := run.from; index < run.to; index++ {
			if !yield(segmentName(g.key, run.owner, run.gen, index)) {
				return
			}
		}
	}
}

// FreeGarbage returns up to limit blobs or runs that may be deleted: of a Remote node all, since
// it was clean when it was dropped. No put may be under way while it is asked. While a publication is under way, or was cut off, there
// are none.
func (j Collector) FreeGarbage(ctx context.Context, limit int) ([]Garbage, error) {
	list, err := queryAll(ctx, j.readAtLength, j.scanGarbage, `SELECT g.id, g.name FROM garbage g LEFT JOIN inode i ON i.ino = g.ino
		WHERE (i.ino IS NULL OR i.state = ? OR i.put_gen >= g.after) AND (SELECT publication = completed FROM ledger)
		ORDER BY g.id LIMIT ?`, Remote, limit)
	if err != nil {
		return nil, fmt.Errorf("list garbage: %w", classify(err))
	}
	return list, nil
}

func (j Collector) scanGarbage(row scanner) (Garbage, error) {
	g := Garbage{key: j.Settings.Key}
	err := row.Scan(&g.ID, &g.name)
	return g, err
}

// DropGarbage forgets blobs that were deleted.
func (j Collector) DropGarbage(ctx context.Context, ids []int64) error {
	err := j.write(ctx, committed, func(t *tx) error {
		for _, id := range ids {
			if _, err := dropGarbageStmt.Exec(t, id); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("forget %d deleted blobs: %w", len(ids), err)
	}
	return nil
}

// RemovedNodes returns up to limit nodes without a name that neither anybody uses nor the
// container leads to, in order of their numbers, all above after: the last publication was
// begun after they were removed, or none could lead there, and no tombstone keeps them.
// While a publication is under way, or was cut off, there are none.
func (j Collector) RemovedNodes(ctx context.Context, after Ino, limit int) ([]Node, error) {
	return nodesOf(ctx, j.readAtLength, `SELECT `+nodeColumnsOf+` FROM inode i CROSS JOIN ledger l
		WHERE i.state = {removed} AND i.ino > ? AND i.flags & ? = 0 AND l.publication = l.completed
		AND (i.seq <= l.published_seq OR i.put_pub NOT BETWEEN 1 AND l.publication)
		AND NOT EXISTS (SELECT 1 FROM tombstone t WHERE t.ino = i.ino)
		ORDER BY i.ino LIMIT ?`, after, Orphan, limit)
}

// DropNodes forgets removed nodes whose blobs, as NamesOf lists them, are deleted.
// Those that are garbage already stay so.
func (j Collector) DropNodes(ctx context.Context, list []Node) error {
	err := j.write(ctx, committed, func(t *tx) error {
		for _, n := range list {
			if err := dropNode(t, n.Ino); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("forget %d removed nodes: %w", len(list), err)
	}
	return nil
}

// NamesOf lists the blobs of a removed node that may be in the container, but for
// those that are garbage already, and those that a BaseMap leads to.
func (j Collector) NamesOf(ctx context.Context, n Node) (iter.Seq[string], error) {
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

func dropNode(t *tx, ino Ino) error {
	for _, stmt := range []Statement{dropNodeStmt, dropImageStmt, voidTombstonesStmt, clearUploadFailureStmt} {
		if _, err := stmt.Exec(t, ino); err != nil {
			return err
		}
	}
	return dropRowsOf(t, ino)
}

// dropRowsOf deletes what other tables say of an inode, of which no row is left: its blocks, and how the
// container has it.
func dropRowsOf(t *tx, ino Ino) error {
	for _, stmt := range []Statement{dropNodeBlocksStmt, dropOddIDStmt, dropBacklinksStmt, dropListingStmt} {
		if _, err := stmt.Exec(t, ino); err != nil {
			return err
		}
	}
	return nil
}

// dropImage forgets the payload that is kept of a node.
func dropImage(t *tx, ino Ino) error {
	_, err := dropImageStmt.Exec(t, ino)
	return err
}

// voidTombstones deletes all tombstones of a directory.
func voidTombstones(t *tx, dir Ino) error {
	_, err := voidTombstonesStmt.Exec(t, dir)
	return err
}

// clearUploadFailure forgets why a node could not be uploaded.
func clearUploadFailure(t *tx, ino Ino) error {
	_, err := clearUploadFailureStmt.Exec(t, ino)
	return err
}
