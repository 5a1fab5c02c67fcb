package store

import "clfsload/state/schema"

var (
	saveStmt       = NewStatement(`UPDATE inode SET ` + schema.SavedColumns + ` WHERE ino = ?1`)
	saveStateStmt  = NewStatement(`UPDATE inode SET ` + schema.SavedColumns + `, state = ?27 WHERE ino = ?1`)
	insertNodeStmt = NewStatement(`INSERT INTO inode (ino, parent, name, mode, uid, gid, size, mtime, ctime, atime, links, flags, seq, cseq, gen, next,
			sealed, peak, mapped, version, put_version, put_owner, put_pub, put_gen, image_gen, used, state, handle, type,
			rdev, target, fileid)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`)
)

// rowsKept is how many rows the writer of a mount remembers at most between two
// commits.
const rowsKept = 8192

// rows are inodes as the transaction that is under way has them. What changes a
// node changes it here; its row is written before the commit, once for all
// changes.
type rows struct {
	kept    map[schema.Ino]*keptRow
	changed []*keptRow // those that are not written, in the order of their first changes
}

type keptRow struct {
	node    schema.Node
	written schema.State // what the row has
	isNew   bool         // there is no row
	changed bool
}

func newRows() *rows { return &rows{kept: map[schema.Ino]*keptRow{}} }

// find returns a copy of a node, if it is known.
func (r *rows) find(ino schema.Ino) (*schema.Node, bool) {
	known, found := r.kept[ino]
	if !found {
		return nil, false
	}
	n := known.node
	return &n, true
}

// read takes up a node as it was read from its row.
func (r *rows) read(n *schema.Node) { r.kept[n.Ino] = &keptRow{node: *n, written: n.State} }

// add takes up a node that has no row.
func (r *rows) add(n *schema.Node) {
	known := &keptRow{node: *n, isNew: true}
	r.kept[n.Ino] = known
	r.note(known)
}

// change sets what a node is from now on, which is known.
func (r *rows) change(n *schema.Node) {
	known := r.kept[n.Ino]
	known.node = *n
	r.note(known)
}

func (r *rows) note(known *keptRow) {
	if !known.changed {
		known.changed = true
		r.changed = append(r.changed, known)
	}
}

// write writes the rows that changed.
func (r *rows) write(s statements) error {
	for _, known := range r.changed {
		if err := known.write(s); err != nil {
			return err
		}
		known.written, known.isNew, known.changed = known.node.State, false, false
	}
	r.changed = r.changed[:0]
	return nil
}

func (r *keptRow) write(s statements) error {
	n := &r.node
	switch {
	case r.isNew:
		return s.Insert(n)
	case n.State == r.written:
		return s.update(n)
	}
	return s.updateState(n)
}

// drop forgets all rows. What is not written is lost.
func (r *rows) drop() {
	clear(r.kept)
	clear(r.changed)
	r.changed = r.changed[:0]
}

// limit drops the rows when there are many. All are written.
func (r *rows) limit() {
	if len(r.kept) > rowsKept {
		r.drop()
	}
}

// update writes a node whose state is that of its row: the queues are left alone.
func (s statements) update(n *schema.Node) error {
	_, err := s[saveStmt].Exec(n.Values()...)
	return err
}

func (s statements) updateState(n *schema.Node) error {
	_, err := s[saveStateStmt].Exec(append(n.Values(), n.State)...)
	return err
}

func (s statements) Insert(n *schema.Node) error {
	_, err := s[insertNodeStmt].Exec(append(n.Values(), n.State, []byte(n.ID), n.Attr.Type, int64(n.Attr.Rdev), n.Target, n.FileID())...)
	return err
}
