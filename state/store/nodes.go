package store

import (
	"context"
	"fmt"

	"clfsload/clfs"
	"clfsload/state/schema"
)

var nodeStmt = NewStatement(`SELECT ` + schema.NodeColumns + ` FROM inode WHERE ino = ?`)

const LookupQuery = `SELECT ` + schema.NodeColumns + ` FROM inode
		WHERE ino = (SELECT ino FROM dirent WHERE parent = ? AND name = ?)`

const ListQuery = `SELECT d.cookie, d.name, ` + schema.NodeColumnsOf + ` FROM dirent d JOIN inode i ON i.ino = d.ino
		WHERE d.parent = ? AND d.cookie > ? ORDER BY d.cookie LIMIT ?`

const nodeQuery = `SELECT ` + schema.NodeColumns + ` FROM inode WHERE ino = ?`

// Node returns a node, removed ones too. Errors: ErrNoEntry.
func (j *Store) Node(ctx context.Context, ino schema.Ino) (n schema.Node, err error) {
	done, err := j.Ahead(ctx, func(t *Tx) error {
		found, err := t.Node(ino)
		if err == nil {
			n = *found
		}
		return err
	})
	if !done {
		n, err = schema.ScanNode(j.Row(context.WithoutCancel(ctx), nodeQuery, ino))
	}
	if err != nil {
		return schema.Node{}, fmt.Errorf("read node %d: %w", ino, Missing(err))
	}
	return n, nil
}

// Inode returns one row.
func (j *Store) Inode(ctx context.Context, ino schema.Ino) (schema.Inode, error) {
	return scanInode(j.Row(ctx, `SELECT `+schema.InodeColumns+` FROM inode WHERE ino = ?`, ino))
}

// Missing makes a row that is not there ErrNoEntry.
func Missing(err error) error {
	if NoRows(err) {
		return schema.ErrNoEntry
	}
	return Classify(err)
}

// Node returns a node as the transaction has it. Errors: ErrNoEntry.
func (t *Tx) Node(ino schema.Ino) (*schema.Node, error) {
	if !t.direct {
		if n, found := t.rows.find(ino); found {
			return n, nil
		}
	}
	n, err := schema.ScanNode(nodeStmt.QueryRow(t, ino))
	if NoRows(err) {
		return nil, schema.ErrNoEntry
	}
	if err == nil && !t.direct {
		t.rows.read(&n)
	}
	return &n, err
}

// Directory reads the row of a directory that has a name. Errors: ErrNoEntry,
// ErrNotDirectory.
func (t *Tx) Directory(ino schema.Ino) (*schema.Node, error) {
	n, err := t.Node(ino)
	switch {
	case err != nil:
		return nil, err
	case !n.IsDirectory():
		return nil, schema.ErrNotDirectory
	case n.State == schema.Removed:
		return nil, schema.ErrNoEntry
	}
	return n, n.CheckRead()
}

// NextSeq numbers a change.
func (t *Tx) NextSeq() uint64 {
	t.Ledger.Seq++
	return t.Ledger.Seq
}

// Touch notes that a node is changed: it has to be put again. In a load nobody has a file open,
// and it is ready to be uploaded at once.
func (t *Tx) Touch(n *schema.Node) {
	n.Seq = t.NextSeq()
	switch {
	case n.State == schema.Removed:
	case n.IsDirectory():
		n.State = schema.Held
	case t.Settings.Kind == schema.KindMount:
		n.State = schema.Dirty
	default:
		n.State = schema.Queued
		n.Flags |= schema.Begun
	}
}

// Save notes what became of a node that was read as before.
func (t *Tx) Save(before, n *schema.Node) error {
	t.Ledger.Count(before, schema.MinusOne)
	t.Ledger.Count(n, 1)
	t.countFound(before, n)
	if (n.State == schema.Queued) != (before.State == schema.Queued) {
		t.Queued = true
	}
	switch {
	case !t.direct:
		t.rows.change(n)
		t.recorder.node(opChanged, n)
		return nil
	case n.State == before.State:
		return t.Stmts.update(n)
	}
	return t.Stmts.updateState(n)
}

// Change alters one node, and returns it as it is then.
func (j *Store) Change(ctx context.Context, ino schema.Ino, what string, alter func(*Tx, *schema.Node) error) (schema.Node, error) {
	var after schema.Node
	err := j.Write(ctx, Acknowledged, func(t *Tx) error {
		n, err := t.Node(ino)
		if err != nil {
			return err
		}
		if err := n.CheckRead(); err != nil {
			return err
		}
		before := *n
		if err := alter(t, n); err != nil {
			return err
		}
		after = *n
		return t.Save(&before, n)
	})
	if err != nil {
		return schema.Node{}, fmt.Errorf("%s node %d: %w", what, ino, err)
	}
	return after, nil
}

func (t *Tx) InsertNode(n *schema.Node) error {
	t.Ledger.Count(n, 1)
	if n.Attr.Type == clfs.TypeRegular {
		n.Used = n.Seq
	}
	if t.direct {
		return t.Stmts.Insert(n)
	}
	t.rows.add(n)
	t.recorder.node(opAdded, n)
	return nil
}

// TouchDirectory notes that the entries of a directory changed.
func (t *Tx) TouchDirectory(dir *schema.Node, now int64) {
	dir.Attr.Mtime, dir.Attr.Ctime = now, now
	dir.Attr.Nlink = uint64(dir.Links)
	t.Touch(dir)
}

// IsExisting reports whether a node was there before the load that is merged.
func (t *Tx) IsExisting(n *schema.Node) bool {
	first := t.Settings.Merge.First
	return first > 0 && (n.Ino < first || n.Flags&schema.Adopted != 0)
}

// countFound counts a node of the namespace that a merge changes.
func (t *Tx) countFound(before, n *schema.Node) {
	if before.IsClean() && !n.IsClean() && n.State != schema.Removed && t.IsExisting(n) {
		t.Ledger.FoundInodes++
		t.Ledger.FoundBytes += schema.ContentBytes(&n.Attr)
	}
}

// Handle returns the id of a directory.
func (t *Tx) Handle(dir schema.Ino) (clfs.ID, error) {
	if dir == schema.RootIno {
		return clfs.RootID, nil
	}
	n, err := t.Node(dir)
	if err != nil {
		return "", err
	}
	return n.ID, nil
}

func scanInode(row schema.Scanner) (in schema.Inode, err error) {
	if err := in.Scan(row); err != nil {
		return schema.Inode{}, fmt.Errorf("read inode: %w", Classify(err))
	}
	return in, nil
}

var frequentQueries = []string{nodeQuery, LookupQuery, ListQuery, blocksQuery, blocksPageQuery}
