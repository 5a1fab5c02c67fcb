package garbage

import (
	"context"
	"fmt"
	"iter"

	"clfsload/clfs"
	"clfsload/state/schema"
	"clfsload/state/store"
)

var (
	dropImageStmt          = store.NewStatement(`DELETE FROM image WHERE ino = ?`)
	clearUploadFailureStmt = store.NewStatement(`DELETE FROM upload_failure WHERE ino = ?`)
	dropBacklinksStmt      = store.NewStatement(`DELETE FROM backlink WHERE ino = ?`)
	dropOddIDStmt          = store.NewStatement(`DELETE FROM odd_id WHERE ino = ?`)
	DropListingStmt        = store.NewStatement(`DELETE FROM listing WHERE dir = ?`)
	voidTombstonesStmt     = store.NewStatement(`DELETE FROM tombstone WHERE dir = ?`)
	dropGarbageStmt        = store.NewStatement(`DELETE FROM garbage WHERE id = ?`)
	dropNodeStmt           = store.NewStatement(`DELETE FROM inode WHERE ino = ? AND state = {removed}`)
	dropNodeBlocksStmt     = store.NewStatement(`DELETE FROM block WHERE ino = ?`)
)

// Collector is the part of a journal that says which blobs may be deleted.
type Collector struct{ *store.Store }

// Garbage is a blob that nothing needs any more, or a run of segments.
type Garbage struct {
	ID   int64
	Name string
	key  clfs.Key
}

// Foreign returns what is garbage if the names of its blobs are not known.
func (g Garbage) Foreign() (f Foreign, ok bool) { return parseForeign(g.Name) }

// Names lists the names of the blobs, if they are known.
func (g Garbage) Names() iter.Seq[string] {
	return func(yield func(string) bool) {
		run, ok := ParseSegmentRun(g.Name)
		if !ok {
			if _, foreign := g.Foreign(); !foreign {
				yield(g.Name)
			}
			return
		}
		for index := run.From; index < run.To; index++ {
			if !yield(SegmentName(g.key, run.Owner, run.Gen, index)) {
				return
			}
		}
	}
}

// FreeGarbage returns up to limit blobs or runs that may be deleted: of a Remote node all, since
// it was clean when it was dropped. No put may be under way while it is asked. While a publication is under way, or was cut off, there
// are none.
func (j Collector) FreeGarbage(ctx context.Context, limit int) ([]Garbage, error) {
	list, err := store.QueryAll(ctx, j.ReadAtLength, j.ScanGarbage, `SELECT g.id, g.name FROM garbage g LEFT JOIN inode i ON i.ino = g.ino
		WHERE (i.ino IS NULL OR i.state = ? OR i.put_gen >= g.after) AND (SELECT publication = completed FROM ledger)
		ORDER BY g.id LIMIT ?`, schema.Remote, limit)
	if err != nil {
		return nil, fmt.Errorf("list garbage: %w", store.Classify(err))
	}
	return list, nil
}

func (j Collector) ScanGarbage(row schema.Scanner) (Garbage, error) {
	g := Garbage{key: j.Settings.Key}
	err := row.Scan(&g.ID, &g.Name)
	return g, err
}

// DropGarbage forgets blobs that were deleted.
func (j Collector) DropGarbage(ctx context.Context, ids []int64) error {
	err := j.Write(ctx, store.Committed, func(t *store.Tx) error {
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
func (j Collector) RemovedNodes(ctx context.Context, after schema.Ino, limit int) ([]schema.Node, error) {
	return store.NodesOf(ctx, j.ReadAtLength, `SELECT `+schema.NodeColumnsOf+` FROM inode i CROSS JOIN ledger l
		WHERE i.state = {removed} AND i.ino > ? AND i.flags & ? = 0 AND l.publication = l.completed
		AND (i.seq <= l.published_seq OR i.put_pub NOT BETWEEN 1 AND l.publication)
		AND NOT EXISTS (SELECT 1 FROM tombstone t WHERE t.ino = i.ino)
		ORDER BY i.ino LIMIT ?`, after, schema.Orphan, limit)
}

// DropNodes forgets removed nodes whose blobs, as NamesOf lists them, are deleted.
// Those that are garbage already stay so.
func (j Collector) DropNodes(ctx context.Context, list []schema.Node) error {
	err := j.Write(ctx, store.Committed, func(t *store.Tx) error {
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
func (j Collector) NamesOf(ctx context.Context, n schema.Node) (iter.Seq[string], error) {
	rows, err := j.BlocksOf(ctx, n.Ino)
	if err != nil {
		return nil, err
	}
	return func(yield func(string) bool) {
		if n.PutVersion != 0 && !yield(n.PutName()) {
			return
		}
		for index, gen := range schema.SegmentsOf(&n, rows) {
			if !yield(SegmentName(j.Settings.Key, n.ID, gen, index)) {
				return
			}
		}
		for _, m := range []struct{ gen, blocks uint64 }{{n.SealGen(), n.MappedBlocks}, {n.Next, n.Reserved}} {
			for name := range IndirectNames(j.Settings.Key, n.ID, m.gen, m.blocks, NothingKept) {
				if !yield(name) {
					return
				}
			}
		}
	}, nil
}

func dropNode(t *store.Tx, ino schema.Ino) error {
	for _, stmt := range []store.Statement{dropNodeStmt, dropImageStmt, voidTombstonesStmt, clearUploadFailureStmt} {
		if _, err := stmt.Exec(t, ino); err != nil {
			return err
		}
	}
	return DropRowsOf(t, ino)
}

// DropRowsOf deletes what other tables say of an inode, of which no row is left: its blocks, and how the
// container has it.
func DropRowsOf(t *store.Tx, ino schema.Ino) error {
	for _, stmt := range []store.Statement{dropNodeBlocksStmt, dropOddIDStmt, dropBacklinksStmt, DropListingStmt} {
		if _, err := stmt.Exec(t, ino); err != nil {
			return err
		}
	}
	return nil
}

// DropImage forgets the payload that is kept of a node.
func DropImage(t *store.Tx, ino schema.Ino) error {
	_, err := dropImageStmt.Exec(t, ino)
	return err
}

// VoidTombstones deletes all tombstones of a directory.
func VoidTombstones(t *store.Tx, dir schema.Ino) error {
	_, err := voidTombstonesStmt.Exec(t, dir)
	return err
}

// ClearUploadFailure forgets why a node could not be uploaded.
func ClearUploadFailure(t *store.Tx, ino schema.Ino) error {
	_, err := clearUploadFailureStmt.Exec(t, ino)
	return err
}
