package garbage

import (
	"clfsload/state/schema"
	"clfsload/state/store"
)

var addGarbageStmt = store.NewRedoable(store.OpAddGarbage, 3, `INSERT INTO garbage (ino, after, name) VALUES (?, ?, ?)`)

// AtOnce is when a blob that nothing reaches may be deleted: as soon as no put
// is under way.
const AtOnce = 0

func Add(t *store.Tx, ino schema.Ino, after uint64, name string) error {
	_, err := addGarbageStmt.Exec(t, ino, after, name)
	return err
}

// AddSegments makes the blobs of the blocks from..to-1 garbage, in one row.
func AddSegments(t *store.Tx, n *schema.Node, from, to, gen, after uint64) error {
	if from = max(from, 1); to <= from+1 {
		if to <= from {
			return nil
		}
		return AddSegment(t, n, from, gen, after)
	}
	return Add(t, n.Ino, after, SegmentRun{n.ID, gen, from, to}.String())
}

// AddSegment makes the blob of a block garbage; the head has none.
func AddSegment(t *store.Tx, n *schema.Node, index, gen, after uint64) error {
	if index == 0 {
		return nil
	}
	return Add(t, n.Ino, after, SegmentName(t.Settings.Key, n.ID, gen, index))
}

// AddIndirect makes garbage of the indirect blocks of an object of so many
// blocks, but for the first ones of each place.
func AddIndirect(t *store.Tx, n *schema.Node, gen, blocks uint64, kept [4][4]uint64, after uint64) error {
	for name := range IndirectNames(t.Settings.Key, n.ID, gen, blocks, kept) {
		if err := Add(t, n.Ino, after, name); err != nil {
			return err
		}
	}
	return nil
}

// NothingKept is the count of indirect blocks of an object that has none.
var NothingKept [4][4]uint64

func AddForeign(t *store.Tx, ino schema.Ino, after uint64, list []Foreign) error {
	for _, f := range list {
		if err := Add(t, ino, after, f.String()); err != nil {
			return err
		}
	}
	return nil
}
