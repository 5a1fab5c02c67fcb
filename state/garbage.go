package state

import (
	"context"
	"database/sql"
	"fmt"
	"iter"

	"clfsload/clfs"
)

// atOnce is when a blob that nothing reaches may be deleted: as soon as no put
// is under way.
const atOnce = 0

func (t *tx) addGarbage(ino Ino, after uint64, name string) error {
	_, err := t.mount.addGarbage.Exec(ino, after, name)
	return err
}

// isBegun reports whether the next inode blob of a node may be in the container
// already.
func (t *tx) isBegun(n *Node) bool {
	if n.IsDirectory() {
		return t.mayBePublished(n) // nothing else puts them
	}
	return n.Flags&Begun != 0
}

// reown makes the node one of another directory: the name of its next blob
// changes by that.
func (t *tx) reown(n *Node, parent Ino) error {
	if n.Parent == parent {
		return nil
	}
	if err := t.abandon(n); err != nil {
		return err
	}
	n.Parent = parent
	return nil
}

// abandon makes garbage of the next inode blob of a node, which may be in the
// container already. Its version is not used again.
func (t *tx) abandon(n *Node) error {
	if !t.isBegun(n) {
		return nil
	}
	owner, err := t.handle(n.Parent)
	if err != nil {
		return err
	}
	name := clfs.ObjectName(n.ID, owner, n.Attr.Type, n.Version)
	n.Version++
	n.Flags &^= Begun
	return t.addGarbage(n.Ino, atOnce, name)
}

// noteMoved notes that the names of a node changed, after reown. A publication may
// put it from now on when it is published.
func (t *tx) noteMoved(n *Node) {
	t.touch(n)
	if n.IsDirectory() {
		return
	}
	n.Flags |= Moved
	if n.PutSeq != 0 {
		n.Flags |= Begun
	}
}

// handle returns the id of a directory.
func (t *tx) handle(dir Ino) (clfs.ID, error) {
	if dir == RootIno {
		return clfs.RootID, nil
	}
	n, err := t.node(dir)
	if err != nil {
		return "", err
	}
	return n.ID, nil
}

// Garbage is a blob that nothing needs any more, or a run of segments.
type Garbage struct {
	ID   int64
	name string
	key  clfs.Key
}

// Names lists the names of the blobs.
func (g Garbage) Names() iter.Seq[string] {
	return func(yield func(string) bool) {
		run, ok := parseSegmentRun(g.name)
		if !ok {
			yield(g.name)
			return
		}
		for index := run.from; index < run.to; index++ {
			if !yield(segmentName(g.key, run.owner, run.gen, index)) {
				return
			}
		}
	}
}

// FreeGarbage returns up to limit blobs or runs that may be deleted. No put may be under
// way while it is asked. While a publication is under way, or was cut off, there
// are none.
func (j *Journal) FreeGarbage(ctx context.Context, limit int) ([]Garbage, error) {
	list, err := queryAll(ctx, j.readAtLength, j.scanGarbage, `SELECT g.id, g.name FROM garbage g LEFT JOIN inode i ON i.ino = g.ino
		WHERE (i.ino IS NULL OR i.put_gen >= g.after) AND (SELECT publishing_seq FROM ledger) = 0
		ORDER BY g.id LIMIT ?`, limit)
	if err != nil {
		return nil, fmt.Errorf("list garbage: %w", classify(err))
	}
	return list, nil
}

func (j *Journal) scanGarbage(row scanner) (Garbage, error) {
	g := Garbage{key: j.Settings.Key}
	err := row.Scan(&g.ID, &g.name)
	return g, err
}

// DropGarbage forgets blobs that were deleted.
func (j *Journal) DropGarbage(ctx context.Context, ids []int64) error {
	err := j.write(ctx, committed, func(t *tx) error {
		for _, id := range ids {
			if _, err := t.mount.dropGarbage.Exec(id); err != nil {
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

// RemovedNodes returns up to limit nodes without a name that neither anybody uses
// nor the published namespace reaches, in order of their numbers, all above after.
// While a publication is under way, or was cut off, those that were published are not
// among them: a directory that it has not put yet may list them. No put may be under
// way while it is asked.
func (j *Journal) RemovedNodes(ctx context.Context, after Ino, limit int) ([]Node, error) {
	const published, publishing = `(SELECT published_seq FROM ledger)`, `(SELECT publishing_seq FROM ledger)`
	return nodesOf(ctx, j.readAtLength, `SELECT `+nodeColumns+` FROM inode
		WHERE state = 7 AND ino > ?1 AND flags & ?2 = 0
		AND (put_seq = 0 OR put_seq > max(`+published+`, `+publishing+`) OR seq <= `+published+` AND `+publishing+` = 0)
		AND (type <> ?3 OR `+publishing+` = 0)
		AND NOT EXISTS (SELECT 1 FROM replaced r WHERE r.ino = inode.ino)
		ORDER BY ino LIMIT ?4`, after, Orphan, clfs.TypeDirectory, limit)
}

// DropNode forgets a removed node whose blobs, as NamesOf lists them, are deleted.
// Those that are garbage already stay so.
func (j *Journal) DropNode(ctx context.Context, ino Ino) error {
	err := j.write(ctx, committed, func(t *tx) error {
		s := t.mount
		for _, stmt := range []*sql.Stmt{s.dropNode, s.dropNodeBlocks, s.dropImage, s.dropNodeMoves, s.dropNodeReplaced, s.clearProblem} {
			if _, err := stmt.Exec(ino); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("forget node %d: %w", ino, err)
	}
	return nil
}
