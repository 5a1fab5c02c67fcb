package state

import (
	"context"
	"fmt"

	"clfsload/clfs"
)

var (
	entryStmt       = newStatement(`SELECT ino, coalesce(shared, 0) FROM dirent WHERE parent = ? AND name = ?`)
	insertEntryStmt = newRedoable(opInsertEntry, 5, `INSERT INTO dirent (parent, name, ino, shared, cookie) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`)
	dropEntryStmt   = newRedoable(opDropEntry, 2, `DELETE FROM dirent WHERE parent = ? AND name = ?`)
	shareEntryStmt  = newRedoable(opShareEntry, 2, `UPDATE dirent SET shared = 1 WHERE parent = ? AND name = ?`)
)

// Lookup returns the node that a name in a directory stands for. Errors:
// ErrNoEntry.
func (j *Journal) Lookup(ctx context.Context, dir Ino, name []byte) (n Node, err error) {
	done, err := j.ahead(ctx, func(t *tx) error {
		found, _, err := findNode(t, dir, name)
		if err == nil {
			n = *found
		}
		return err
	})
	if !done {
		n, err = scanNode(j.row(context.WithoutCancel(ctx), lookupQuery, dir, name))
	}
	if err != nil {
		return Node{}, fmt.Errorf("look up in directory %d: %w", dir, missing(err))
	}
	return n, nil
}

// Listed is an entry of a directory.
type Listed struct {
	// Cookie is greater than 2 and unique in the directory. It grows with each
	// entry that is added, and stays while the entry stays.
	Cookie uint64
	Name   []byte
	Node   Node
}

// List returns up to limit entries of a directory in the order of their cookies,
// all above after.
func (j *Journal) List(ctx context.Context, dir Ino, after uint64, limit int) ([]Listed, error) {
	list, err := queryAll(context.WithoutCancel(ctx), j.read, scanListed, listQuery, dir, after, limit)
	if err != nil {
		return nil, fmt.Errorf("list directory %d: %w", dir, classify(err))
	}
	return list, nil
}

func scanListed(row scanner) (l Listed, err error) {
	l.Node, err = scanNode(row, &l.Cookie, &l.Name)
	return l, err
}

// Addition is a new node.
type Addition struct {
	Dir    Ino
	Name   []byte
	Attr   Attr   // Type, Mode, UID, GID, Mtime, Ctime, Atime, Rdev, and Size for a symbolic link
	Target []byte // of a symbolic link
	Open   bool   // a writer has it open
}

// Add makes a node; its Ctime becomes the directory's mtime and ctime. Errors:
// ErrNoEntry when the directory is gone, ErrNotDirectory, ErrNameTaken.
func (j *Journal) Add(ctx context.Context, a Addition) (Node, error) {
	var added Node
	err := j.write(ctx, acknowledged, func(t *tx) (err error) {
		added, err = createNode(t, &a)
		return err
	})
	if err != nil {
		return Node{}, fmt.Errorf("add to directory %d: %w", a.Dir, err)
	}
	return added, nil
}

func createNode(t *tx, a *Addition) (Node, error) {
	dir, err := t.directory(a.Dir)
	if err != nil {
		return Node{}, err
	}
	if err := insertEntry(t, a.Dir, a.Name, t.ledger.nextIno, false); err != nil {
		return Node{}, err
	}
	n := newNode(t, dir, a)
	if err := t.insertNode(&n); err != nil {
		return Node{}, err
	}
	before := *dir
	if n.IsDirectory() {
		dir.Links++
	}
	dir.Flags |= Grown
	t.touchDirectory(dir, a.Attr.Ctime)
	return n, t.save(&before, dir)
}

func newNode(t *tx, dir *Node, a *Addition) Node {
	n := Node{Version: clfs.FirstVersion}
	n.Ino, n.Parent, n.Name, n.Attr, n.Target = t.ledger.nextIno, dir.Ino, a.Name, a.Attr, a.Target
	t.ledger.nextIno++
	n.ID = clfs.NewHandle(t.settings.Key, t.settings.ContainerID, dir.ID, a.Attr.Type,
		t.dirMgr(&dir.Inode, a.Attr.Type), uint64(n.Ino))
	n.Seq = t.nextSeq()
	n.Cseq = n.Seq
	n.State, n.Links = Dirty, 1
	if n.IsDirectory() {
		n.State, n.Links = Held, 2
	}
	if a.Open {
		n.Flags |= Opened | Content
	}
	n.Attr.Dev, n.Attr.Ino, n.Attr.Nlink = 0, uint64(n.Ino), uint64(n.Links)
	return n
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

// entry is a row of dirent.
type entry struct {
	ino    Ino
	shared bool
}

// findEntry returns what stands under a name. Errors: ErrNoEntry.
func findEntry(t *tx, dir Ino, name []byte) (entry, error) {
	var e entry
	err := entryStmt.QueryRow(t, dir, name).Scan(&e.ino, &e.shared)
	if noRows(err) {
		return e, ErrNoEntry
	}
	return e, err
}

// insertEntry adds a name. Its cookie is the number of the change that is next.
// Errors: ErrNameTaken, and nothing is changed then.
func insertEntry(t *tx, dir Ino, name []byte, ino Ino, shared bool) error {
	isNew, err := changed(insertEntryStmt.Exec(t, dir, name, ino, sharedValue(shared), t.ledger.seq+1))
	if err == nil && !isNew {
		return ErrNameTaken
	}
	return err
}

// sharedValue is what dirent.shared holds: rows that are not shared are not in
// its index.
func sharedValue(shared bool) any {
	if shared {
		return 1
	}
	return nil
}

// Link gives a node that is no directory one more name. Errors: ErrNoEntry when
// the node or the directory is gone, ErrNotDirectory, ErrNameTaken,
// ErrIsDirectory, ErrTooManyLinks.
func (j *Journal) Link(ctx context.Context, ino, dir Ino, name []byte, now int64) (Node, error) {
	var linked Node
	err := j.write(ctx, acknowledged, func(t *tx) (err error) {
		linked, err = addLinkTo(t, ino, dir, name, now)
		return err
	})
	if err != nil {
		return Node{}, fmt.Errorf("link node %d in directory %d: %w", ino, dir, err)
	}
	return linked, nil
}

func addLinkTo(t *tx, ino, dirIno Ino, name []byte, now int64) (Node, error) {
	dir, err := t.directory(dirIno)
	if err != nil {
		return Node{}, err
	}
	n, err := t.node(ino)
	if err != nil {
		return Node{}, err
	}
	if err := checkLink(n); err != nil {
		return Node{}, err
	}
	if err := insertEntry(t, dirIno, name, ino, true); err != nil {
		return Node{}, err
	}
	nodeBefore, dirBefore := *n, *dir
	n.Attr.Ctime = now
	n.setLinks(n.Links + 1)
	noteMoved(t, n)
	if _, err := shareEntryStmt.Exec(t, n.Parent, n.Name); err != nil {
		return Node{}, err
	}
	dir.Flags |= Grown
	t.touchDirectory(dir, now)
	if err := t.save(&dirBefore, dir); err != nil {
		return Node{}, err
	}
	return *n, t.save(&nodeBefore, n)
}

func checkLink(n *Node) error {
	switch {
	case n.State == Removed:
		return ErrNoEntry
	case n.IsDirectory():
		return ErrIsDirectory
	}
	if err := n.checkRead(); err != nil {
		return err
	}
	if n.Links >= clfs.MaxLinks {
		return ErrTooManyLinks
	}
	return nil
}

func (n *Node) setLinks(links uint32) {
	n.Links, n.Attr.Nlink = links, uint64(links)
}
