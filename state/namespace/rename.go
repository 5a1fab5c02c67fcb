package namespace

import (
	"bytes"
	"cmp"
	"context"
	"fmt"

	"clfsload/state/garbage"
	"clfsload/state/schema"
	"clfsload/state/store"
)

var replaceEntryStmt = store.NewRedoable(store.OpReplaceEntry, 4, `UPDATE dirent SET ino = ?3, shared = ?4 WHERE parent = ?1 AND name = ?2`)

// Rename says which entry moves where.
type Rename struct {
	From      schema.Ino
	Name      []byte
	To        schema.Ino
	NewName   []byte
	NoReplace bool // the new name must be free
	Exchange  bool // the two entries change places
	Now       int64
	InUse     func(schema.Ino) bool // see Unlink
}

// Rename moves an entry. replaced is the node that had the new name before, as
// Unlink returns it; with Exchange the one that has the old name now. When both
// names are links of one node nothing happens. Errors: ErrNoEntry,
// ErrNotDirectory, ErrIsDirectory, ErrNotEmpty, ErrNameTaken (NoReplace), ErrLoop.
func (j Names) Rename(ctx context.Context, r Rename) (moved schema.Node, replaced *schema.Node, err error) {
	err = j.Write(ctx, store.Acknowledged, func(t *store.Tx) (err error) {
		moved, replaced, err = rename(t, &r)
		return err
	})
	if err != nil {
		return schema.Node{}, nil, fmt.Errorf("rename from directory %d to %d: %w", r.From, r.To, err)
	}
	return moved, replaced, nil
}

// renaming is what a rename finds. from and to are the same pointer when the
// directories are the same.
type renaming struct {
	*Rename
	from, to     *schema.Node
	moved, other *schema.Node // other: what has the new name, or nil
	shared       bool         // the entry that moves is one of several links
	otherShared  bool
}

func rename(t *store.Tx, r *Rename) (moved schema.Node, replaced *schema.Node, err error) {
	n, err := findRenaming(t, r)
	if err != nil {
		return schema.Node{}, nil, err
	}
	if n.other != nil && n.other.Ino == n.moved.Ino {
		return *n.moved, nil, nil
	}
	if err := checkRenaming(t, n); err != nil {
		return schema.Node{}, nil, err
	}
	fromBefore, toBefore := *n.from, *n.to
	if r.Exchange {
		err = exchange(t, n)
	} else {
		err = move(t, n)
	}
	if err != nil {
		return schema.Node{}, nil, err
	}
	if n.from != n.to {
		n.to.Flags |= schema.Grown
		if r.Exchange {
			n.from.Flags |= schema.Grown
		}
	}
	t.TouchDirectory(n.from, r.Now)
	if err := t.Save(&fromBefore, n.from); err != nil {
		return schema.Node{}, nil, err
	}
	if n.to != n.from {
		t.TouchDirectory(n.to, r.Now)
		if err := t.Save(&toBefore, n.to); err != nil {
			return schema.Node{}, nil, err
		}
	}
	return *n.moved, n.other, nil
}

func findRenaming(t *store.Tx, r *Rename) (*renaming, error) {
	n := &renaming{Rename: r}
	var err error
	if n.from, err = t.Directory(r.From); err != nil {
		return nil, err
	}
	if n.to = n.from; r.To != r.From {
		if n.to, err = t.Directory(r.To); err != nil {
			return nil, err
		}
	}
	if n.moved, n.shared, err = FindNode(t, r.From, r.Name); err != nil {
		return nil, err
	}
	n.other, n.otherShared, err = FindNode(t, r.To, r.NewName)
	if err == schema.ErrNoEntry && !r.Exchange {
		return n, nil
	}
	return n, err
}

func checkRenaming(t *store.Tx, n *renaming) error {
	if n.other != nil && n.NoReplace {
		return schema.ErrNameTaken
	}
	if n.from != n.to {
		if err := checkLoop(t, n.moved, n.To); err != nil {
			return err
		}
	}
	if err := n.moved.CheckRead(); err != nil || n.other == nil {
		return err
	}
	if !n.Exchange {
		return cmp.Or(CheckRemoval(t, n.other, n.moved.IsDirectory()), CheckOtherName(t, n.other))
	}
	if err := n.other.CheckRead(); err != nil || n.from == n.to {
		return err
	}
	return checkLoop(t, n.other, n.From)
}

// checkLoop refuses to put a directory into dir when that is the directory
// itself or below it.
func checkLoop(t *store.Tx, n *schema.Node, dir schema.Ino) error {
	if !n.IsDirectory() {
		return nil
	}
	for dir != schema.RootIno {
		if dir == n.Ino {
			return schema.ErrLoop
		}
		above, err := t.Node(dir)
		if err != nil {
			return err
		}
		dir = above.Parent
	}
	return nil
}

// move carries an entry over to its new place, and drops what was there.
func move(t *store.Tx, n *renaming) error {
	if err := DropEntry(t, n.From, n.Name); err != nil {
		return err
	}
	if n.other != nil {
		if _, err := replaceEntryStmt.Exec(t, n.To, n.NewName, n.moved.Ino, sharedValue(n.shared)); err != nil {
			return err
		}
		if err := DropName(t, n.other, &Removal{Dir: n.To, Name: n.NewName, Now: n.Now, InUse: n.InUse, Successor: n.moved}, n.to); err != nil {
			return err
		}
	} else if err := InsertEntry(t, n.To, n.NewName, n.moved.Ino, n.shared); err != nil {
		return err
	}
	return rehome(t, n, n.moved, n.from, n.Name, n.to, n.NewName)
}

// exchange lets two entries change places.
func exchange(t *store.Tx, n *renaming) error {
	if _, err := replaceEntryStmt.Exec(t, n.To, n.NewName, n.moved.Ino, sharedValue(n.shared)); err != nil {
		return err
	}
	if _, err := replaceEntryStmt.Exec(t, n.From, n.Name, n.other.Ino, sharedValue(n.otherShared)); err != nil {
		return err
	}
	if err := rehome(t, n, n.moved, n.from, n.Name, n.to, n.NewName); err != nil {
		return err
	}
	return rehome(t, n, n.other, n.to, n.NewName, n.from, n.Name)
}

// rehome changes the row of a node whose entry went from one place to another.
func rehome(t *store.Tx, r *renaming, n *schema.Node, from *schema.Node, name []byte, to *schema.Node, newName []byte) error {
	before := *n
	n.Attr.Ctime = r.Now
	if n.Parent == from.Ino && bytes.Equal(n.Name, name) {
		n.Name = newName
		if err := garbage.Reown(t, n, to.Ino); err != nil {
			return err
		}
	}
	garbage.NoteMoved(t, n)
	if from != to && n.IsDirectory() {
		from.Links--
		to.Links++
	}
	if err := leave(t, from, name, n, 0); err != nil {
		return err
	}
	return t.Save(&before, n)
}
