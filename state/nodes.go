package state

import (
	"context"
	"fmt"

	"clfsload/clfs"
)

var nodeStmt = newStatement(`SELECT ` + nodeColumns + ` FROM inode WHERE ino = ?`)

const lookupQuery = `SELECT ` + nodeColumns + ` FROM inode
		WHERE ino = (SELECT ino FROM dirent WHERE parent = ? AND name = ?)`

const listQuery = `SELECT d.cookie, d.name, ` + nodeColumnsOf + ` FROM dirent d JOIN inode i ON i.ino = d.ino
		WHERE d.parent = ? AND d.cookie > ? ORDER BY d.cookie LIMIT ?`

const nodeQuery = `SELECT ` + nodeColumns + ` FROM inode WHERE ino = ?`

// Node returns a node, removed ones too. Errors: ErrNoEntry.
func (j *Store) Node(ctx context.Context, ino Ino) (n Node, err error) {
	done, err := j.ahead(ctx, func(t *tx) error {
		found, err := t.node(ino)
		if err == nil {
			n = *found
		}
		return err
	})
	if !done {
		n, err = scanNode(j.row(context.WithoutCancel(ctx), nodeQuery, ino))
	}
	if err != nil {
		return Node{}, fmt.Errorf("read node %d: %w", ino, missing(err))
	}
	return n, nil
}

// Inode returns one row.
func (j *Store) Inode(ctx context.Context, ino Ino) (Inode, error) {
	return scanInode(j.row(ctx, `SELECT `+inodeColumns+` FROM inode WHERE ino = ?`, ino))
}

// missing makes a row that is not there ErrNoEntry.
func missing(err error) error {
	if noRows(err) {
		return ErrNoEntry
	}
	return classify(err)
}

// node returns a node as the transaction has it. Errors: ErrNoEntry.
func (t *tx) node(ino Ino) (*Node, error) {
	if !t.direct {
		if n, found := t.rows.find(ino); found {
			return n, nil
		}
	}
	n, err := scanNode(nodeStmt.QueryRow(t, ino))
	if noRows(err) {
		return nil, ErrNoEntry
	}
	if err == nil && !t.direct {
		t.rows.read(&n)
	}
	return &n, err
}

// directory reads the row of a directory that has a name. Errors: ErrNoEntry,
// ErrNotDirectory.
func (t *tx) directory(ino Ino) (*Node, error) {
	n, err := t.node(ino)
	switch {
	case err != nil:
		return nil, err
	case !n.IsDirectory():
		return nil, ErrNotDirectory
	case n.State == Removed:
		return nil, ErrNoEntry
	}
	return n, n.checkRead()
}

// nextSeq numbers a change.
func (t *tx) nextSeq() uint64 {
	t.ledger.seq++
	return t.ledger.seq
}

// touch notes that a node is changed: it has to be put again. In a load nobody has a file open,
// and it is ready to be uploaded at once.
func (t *tx) touch(n *Node) {
	n.Seq = t.nextSeq()
	switch {
	case n.State == Removed:
	case n.IsDirectory():
		n.State = Held
	case t.settings.Kind == KindMount:
		n.State = Dirty
	default:
		n.State = Queued
		n.Flags |= Begun
	}
}

// save notes what became of a node that was read as before.
func (t *tx) save(before, n *Node) error {
	t.ledger.count(before, minusOne)
	t.ledger.count(n, 1)
	t.countFound(before, n)
	if (n.State == Queued) != (before.State == Queued) {
		t.queued = true
	}
	switch {
	case !t.direct:
		t.rows.change(n)
		t.recorder.node(opChanged, n)
		return nil
	case n.State == before.State:
		return t.stmts.update(n)
	}
	return t.stmts.updateState(n)
}

// change alters one node, and returns it as it is then.
func (j *Store) change(ctx context.Context, ino Ino, what string, alter func(*tx, *Node) error) (Node, error) {
	var after Node
	err := j.write(ctx, acknowledged, func(t *tx) error {
		n, err := t.node(ino)
		if err != nil {
			return err
		}
		if err := n.checkRead(); err != nil {
			return err
		}
		before := *n
		if err := alter(t, n); err != nil {
			return err
		}
		after = *n
		return t.save(&before, n)
	})
	if err != nil {
		return Node{}, fmt.Errorf("%s node %d: %w", what, ino, err)
	}
	return after, nil
}

func (t *tx) insertNode(n *Node) error {
	t.ledger.count(n, 1)
	if n.Attr.Type == clfs.TypeRegular {
		n.used = n.Seq
	}
	if t.direct {
		return t.stmts.insert(n)
	}
	t.rows.add(n)
	t.recorder.node(opAdded, n)
	return nil
}

// touchDirectory notes that the entries of a directory changed.
func (t *tx) touchDirectory(dir *Node, now int64) {
	dir.Attr.Mtime, dir.Attr.Ctime = now, now
	dir.Attr.Nlink = uint64(dir.Links)
	t.touch(dir)
}

// isExisting reports whether a node was there before the load that is merged.
func (t *tx) isExisting(n *Node) bool {
	first := t.settings.Merge.First
	return first > 0 && (n.Ino < first || n.Flags&Adopted != 0)
}

// countFound counts a node of the namespace that a merge changes.
func (t *tx) countFound(before, n *Node) {
	if before.isClean() && !n.isClean() && n.State != Removed && t.isExisting(n) {
		t.ledger.FoundInodes++
		t.ledger.FoundBytes += contentBytes(&n.Attr)
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

func scanInode(row scanner) (in Inode, err error) {
	if err := in.scan(row); err != nil {
		return Inode{}, fmt.Errorf("read inode: %w", classify(err))
	}
	return in, nil
}

var frequentQueries = []string{nodeQuery, lookupQuery, listQuery, blocksQuery, blocksPageQuery}
