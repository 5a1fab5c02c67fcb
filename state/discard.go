package state

var addGarbageStmt = newRedoable(opAddGarbage, 3, `INSERT INTO garbage (ino, after, name) VALUES (?, ?, ?)`)

// atOnce is when a blob that nothing reaches may be deleted: as soon as no put
// is under way.
const atOnce = 0

func addGarbage(t *tx, ino Ino, after uint64, name string) error {
	_, err := addGarbageStmt.Exec(t, ino, after, name)
	return err
}

// discardSegments makes the blobs of the blocks from..to-1 garbage, in one row.
func discardSegments(t *tx, n *Node, from, to, gen, after uint64) error {
	if from = max(from, 1); to <= from+1 {
		if to <= from {
			return nil
		}
		return discardSegment(t, n, from, gen, after)
	}
	return addGarbage(t, n.Ino, after, segmentRun{n.ID, gen, from, to}.String())
}

// discardSegment makes the blob of a block garbage; the head has none.
func discardSegment(t *tx, n *Node, index, gen, after uint64) error {
	if index == 0 {
		return nil
	}
	return addGarbage(t, n.Ino, after, segmentName(t.settings.Key, n.ID, gen, index))
}

// discardIndirect makes garbage of the indirect blocks of an object of so many
// blocks, but for the first ones of each place.
func discardIndirect(t *tx, n *Node, gen, blocks uint64, kept [4][4]uint64, after uint64) error {
	for name := range indirectNames(t.settings.Key, n.ID, gen, blocks, kept) {
		if err := addGarbage(t, n.Ino, after, name); err != nil {
			return err
		}
	}
	return nil
}

// nothingKept is the count of indirect blocks of an object that has none.
var nothingKept [4][4]uint64

func addForeign(t *tx, ino Ino, after uint64, list []Foreign) error {
	for _, f := range list {
		if err := addGarbage(t, ino, after, f.String()); err != nil {
			return err
		}
	}
	return nil
}
