package state

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
)

var replaceEntryStmt = newRedoable(opReplaceEntry, 4, `UPDATE dirent SET ino = ?3, shared = ?4 WHERE parent = ?1 AND name = ?2`)

// Rename says which entry moves where.
type Rename struct {
	From      Ino
	Name      []byte
	To        Ino
	NewName   []byte
	NoReplace bool // the new name must be free
	Exchange  bool // the two entries change places
	Now       int64
	InUse     func(Ino) bool // see Unlink
}

// Rename moves an entry. replaced is the node that had the new name before, as
// Unlink returns it; with Exchange the one that has the old name now. When both
// names are links of one node nothing happens. Errors: ErrNoEntry,
// ErrNotDirectory, ErrIsDirectory, ErrNotEmpty, ErrNameTaken (NoReplace), ErrLoop.
func (j Names) Rename(ctx context.Context, r Rename) (moved Node, replaced *Node, err error) {
	err = j.write(ctx, acknowledged, func(t *tx) (err error) {
		moved, replaced, err = rename(t, &r)
		return err
	})
	if err != nil {
		return Node{}, nil, fmt.Errorf("rename from directory %d to %d: %w", r.From, r.To, err)
	}
	return moved, replaced, nil
}

// renaming is what a rename finds. from and to are the same pointer when the
// directories are the same.
type renaming struct {
	*Rename
	from, to     *Node
	moved, other *Node // other: what has the new name, or nil
	shared       bool  // the entry that moves is one of several links
	otherShared  bool
}

func rename(t *tx, r *Rename) (moved Node, replaced *Node, err error) {
	n, err := findRenaming(t, r)
	if err != nil {
		return Node{}, nil, err
	}
	if n.other != nil && n.other.Ino == n.moved.Ino {
		return *n.moved, nil, nil
	}
	if err := checkRenaming(t, n); err != nil {
		return Node{}, nil, err
	}
	fromBefore, toBefore := *n.from, *n.to
	if r.Exchange {
		err = exchange(t, n)
	} else {
		err = move(t, n)
	}
	if err != nil {
		return Node{}, nil, err
	}
	if n.from != n.to {
		n.to.Flags |= Grown
		if r.Exchange {
			n.from.Flags |= Grown
		}
	}
	t.touchDirectory(n.from, r.Now)
	if err := t.save(&fromBefore, n.from); err != nil {
		return Node{}, nil, err
	}
	if n.to != n.from {
		t.touchDirectory(n.to, r.Now)
		if err := t.save(&toBefore, n.to); err != nil {
			return Node{}, nil, err
		}
	}
	return *n.moved, n.other, nil
}

func findRenaming(t *tx, r *Rename) (*renaming, error) {
	n := &renaming{Rename: r}
	var err error
	if n.from, err = t.directory(r.From); err != nil {
		return nil, err
	}
	if n.to = n.from; r.To != r.From {
		if n.to, err = t.directory(r.To); err != nil {
			return nil, err
		}
	}
	if n.moved, n.shared, err = findNode(t, r.From, r.Name); err != nil {
		return nil, err
	}
	n.other, n.otherShared, err = findNode(t, r.To, r.NewName)
	if err == ErrNoEntry && !r.Exchange {
		return n, nil
	}
	return n, err
}

func checkRenaming(t *tx, n *renaming) error {
	if n.other != nil && n.NoReplace {
		return ErrNameTaken
	}
	if n.from != n.to {
		if err := checkLoop(t, n.moved, n.To); err != nil {
			return err
		}
	}
	if err := n.moved.checkRead(); err != nil || n.other == nil {
		return err
	}
	if !n.Exchange {
		return cmp.Or(checkRemoval(t, n.other, n.moved.IsDirectory()), checkOtherName(t, n.other))
	}
	if err := n.other.checkRead(); err != nil || n.from == n.to {
		return err
	}
	return checkLoop(t, n.other, n.From)
}

// checkLoop refuses to put a directory into dir when that is the directory
// itself or below it.
func checkLoop(t *tx, n *Node, dir Ino) error {
	if !n.IsDirectory() {
		return nil
	}
	for dir != RootIno {
		if dir == n.Ino {
			return ErrLoop
		}
		above, err := t.node(dir)
		if err != nil {
			return err
		}
		dir = above.Parent
	}
	return nil
}

// move carries an entry over to its new place, and drops what was there.
func move(t *tx, n *renaming) error {
	if err := dropEntry(t, n.From, n.Name); err != nil {
		return err
	}
	if n.other != nil {
		if _, err := replaceEntryStmt.Exec(t, n.To, n.NewName, n.moved.Ino, sharedValue(n.shared)); err != nil {
			return err
		}
		if err := dropName(t, n.other, &removal{dir: n.To, name: n.NewName, now: n.Now, inUse: n.InUse, successor: n.moved}, n.to); err != nil {
			return err
		}
	} else if err := insertEntry(t, n.To, n.NewName, n.moved.Ino, n.shared); err != nil {
		return err
	}
	return rehome(t, n, n.moved, n.from, n.Name, n.to, n.NewName)
}

// exchange lets two entries change places.
func exchange(t *tx, n *renaming) error {
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
func rehome(t *tx, r *renaming, n *Node, from *Node, name []byte, to *Node, newName []byte) error {
	before := *n
	n.Attr.Ctime = r.Now
	if n.Parent == from.Ino && bytes.Equal(n.Name, name) {
		n.Name = newName
		if err := reown(t, n, to.Ino); err != nil {
			return err
		}
	}
	noteMoved(t, n)
	if from != to && n.IsDirectory() {
		from.Links--
		to.Links++
	}
	if err := leave(t, from, name, n, 0); err != nil {
		return err
	}
	return t.save(&before, n)
}
