package state

import (
	"bytes"
	"context"
	"fmt"
)

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
func (j *Journal) Rename(ctx context.Context, r Rename) (moved Node, replaced *Node, err error) {
	err = j.write(ctx, acknowledged, func(t *tx) (err error) {
		moved, replaced, err = t.rename(&r)
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

func (t *tx) rename(r *Rename) (moved Node, replaced *Node, err error) {
	n, err := t.findRenaming(r)
	if err != nil {
		return Node{}, nil, err
	}
	if n.other != nil && n.other.Ino == n.moved.Ino {
		return *n.moved, nil, nil
	}
	if err := t.checkRenaming(n); err != nil {
		return Node{}, nil, err
	}
	fromBefore, toBefore := *n.from, *n.to
	if r.Exchange {
		err = t.exchange(n)
	} else {
		err = t.move(n)
	}
	if err != nil {
		return Node{}, nil, err
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
		if err := t.gainBoth(n); err != nil {
			return Node{}, nil, err
		}
	}
	return *n.moved, n.other, nil
}

func (t *tx) findRenaming(r *Rename) (*renaming, error) {
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
	if n.moved, n.shared, err = t.findNode(r.From, r.Name); err != nil {
		return nil, err
	}
	n.other, n.otherShared, err = t.findNode(r.To, r.NewName)
	if err == ErrNoEntry && !r.Exchange {
		return n, nil
	}
	return n, err
}

func (t *tx) findNode(dir Ino, name []byte) (*Node, bool, error) {
	e, err := t.findEntry(dir, name)
	if err != nil {
		return nil, false, err
	}
	n, err := t.node(e.ino)
	return n, e.shared, err
}

func (t *tx) checkRenaming(n *renaming) error {
	if n.other != nil && n.NoReplace {
		return ErrNameTaken
	}
	if n.from != n.to {
		if err := t.checkLoop(n.moved, n.To); err != nil {
			return err
		}
	}
	switch {
	case n.other == nil:
		return nil
	case n.Exchange && n.from != n.to:
		return t.checkLoop(n.other, n.From)
	case n.Exchange:
		return nil
	}
	return t.checkRemoval(n.other, n.moved.IsDirectory())
}

// checkLoop refuses to put a directory into dir when that is the directory
// itself or below it.
func (t *tx) checkLoop(n *Node, dir Ino) error {
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
func (t *tx) move(n *renaming) error {
	if _, err := t.mount.dropEntry.Exec(n.From, n.Name); err != nil {
		return err
	}
	if n.other != nil {
		if err := t.noteReplaced(n); err != nil {
			return err
		}
		if _, err := t.mount.replaceEntry.Exec(n.To, n.NewName, n.moved.Ino, sharedValue(n.shared)); err != nil {
			return err
		}
		if err := t.dropName(n.other, &removal{dir: n.To, name: n.NewName, now: n.Now, inUse: n.InUse}, n.to); err != nil {
			return err
		}
	} else if err := t.insertEntry(n.To, n.NewName, n.moved.Ino, n.shared); err != nil {
		return err
	}
	return t.rehome(n, n.moved, n.from, n.Name, n.to, n.NewName)
}

// exchange lets two entries change places.
func (t *tx) exchange(n *renaming) error {
	if _, err := t.mount.replaceEntry.Exec(n.To, n.NewName, n.moved.Ino, sharedValue(n.shared)); err != nil {
		return err
	}
	if _, err := t.mount.replaceEntry.Exec(n.From, n.Name, n.other.Ino, sharedValue(n.otherShared)); err != nil {
		return err
	}
	if err := t.rehome(n, n.moved, n.from, n.Name, n.to, n.NewName); err != nil {
		return err
	}
	return t.rehome(n, n.other, n.to, n.NewName, n.from, n.Name)
}

// rehome changes the row of a node whose entry went from one place to another.
func (t *tx) rehome(r *renaming, n *Node, from *Node, name []byte, to *Node, newName []byte) error {
	before := *n
	n.Attr.Ctime = r.Now
	if n.Parent == from.Ino && bytes.Equal(n.Name, name) {
		n.Name = newName
		if err := t.reown(n, to.Ino); err != nil {
			return err
		}
	}
	t.noteMoved(n)
	if from != to {
		if n.IsDirectory() {
			from.Links--
			to.Links++
		}
		if err := t.noteLost(n, from, name); err != nil {
			return err
		}
		t.noteGained(n, to)
	}
	return t.save(&before, n)
}

// noteLost remembers that a directory lost a published entry whose node has other
// names: the next publication must not take it away before it is in its new place.
func (t *tx) noteLost(n, dir *Node, name []byte) error {
	if !t.mayBePublished(n) || !t.mayBePublished(dir) {
		return nil
	}
	dir.Flags |= Lost
	if n.IsDirectory() && n.PutSeq == 0 {
		n.Flags |= Gained // so that who gets it next does, also once no publication is under way
	}
	_, err := t.mount.addMoved.Exec(dir.Ino, name, n.Ino, t.ledger.seq)
	return err
}

// noteGained remembers that a directory got an entry that may be published in
// another one, or has such entries below it, and is to be written before that
// loses it. gainAbove is to be called once the directory is saved.
func (t *tx) noteGained(n, dir *Node) {
	if t.mayBePublished(n) || n.IsDirectory() && n.Flags&Gained != 0 {
		dir.Flags |= Gained
	}
}

func (t *tx) gainBoth(n *renaming) error {
	if err := t.gainAbove(n.to); err != nil || !n.Exchange {
		return err
	}
	return t.gainAbove(n.from)
}

// gainAbove passes on what a directory got to those above it, up to the first one
// that is published for sure: nothing below that is in reach before it is written.
func (t *tx) gainAbove(dir *Node) error {
	for dir.Flags&Gained != 0 && dir.Ino != RootIno && (dir.PutSeq == 0 || dir.PutSeq > t.ledger.published) {
		above, err := t.node(dir.Parent)
		if err != nil {
			return err
		}
		if above.Flags&Gained == 0 {
			before := *above
			above.Flags |= Gained
			if err := t.save(&before, above); err != nil {
				return err
			}
		}
		dir = above
	}
	return nil
}

// mayBePublished reports whether a publication has put the node, or is about to.
func (t *tx) mayBePublished(n *Node) bool {
	return n.PutSeq != 0 || n.IsDirectory() && t.ledger.publishing != 0
}

// noteReplaced remembers a published entry whose place is taken by a node that is
// not uploaded yet. A publication before that lists what was there: to those who
// read the container a rename over an entry never takes its name away.
func (t *tx) noteReplaced(n *renaming) error {
	if n.moved.PutVersion != 0 || n.other.IsDirectory() {
		return nil
	}
	if t.isPublished(n.other) {
		_, err := t.mount.addReplaced.Exec(n.To, n.NewName, n.other.Ino, t.ledger.seq, n.moved.Ino)
		return err
	}
	if n.other.Links > 1 {
		return nil
	}
	_, err := t.mount.passReplaced.Exec(n.other.Ino, n.moved.Ino)
	return err
}

// isPublished reports whether the published namespace may reach the inode blob of
// a node, or will once the publication under way has come to its end.
func (t *tx) isPublished(n *Node) bool {
	return n.PutSeq != 0 && n.PutSeq <= max(t.ledger.published, t.ledger.publishing)
}
