package state

import (
	"bytes"
	"context"
	"fmt"

	"clfsload/clfs"
)

var (
	insertFoundStmt = newStatement(`INSERT INTO inode (ino, parent, name, handle, state, type, mode, uid, gid, size, mtime, ctime, atime, fileid, rdev, links,
			target, flags, peak, put_owner) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`)
	insertFoundNameStmt = newStatement(`INSERT INTO dirent (parent, name, ino, shared) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING`)
)

// Recorder is the part of a journal that a scan of a source tree changes.
type Recorder struct{ *Store }

// Entry is a name that a scan found in a directory.
type Entry struct {
	Name    []byte
	Attr    Attr
	Target  []byte   // of a symbolic link
	Problem *Problem // why it cannot be transferred; then Attr may be empty

	// Of an entry that is merged.

	SameContents bool // the namespace has a file with the same contents there
	Readable     bool // it was looked at whether it can be read: a directory may make room for it, or a file for a directory
}

// Problem says what failed for an entry.
type Problem struct {
	Op     string // what was tried: "lstat", "open", "read", …
	Reason string // one line, without the path
	Gone   bool   // what was listed under this name is not there any more
}

// AddEntries adds entries of a directory, and with last set notes that it is scanned
// in the same transaction. Names that are known already are left as they are, so
// a listing that was interrupted can simply be made again; but when something else
// stands there now, what was known has failed and is gone.
func (j Recorder) AddEntries(ctx context.Context, dir Inode, entries []Entry, last bool) error {
	err := j.write(ctx, durable, func(t *tx) error {
		if err := addEntries(t, dir.Ino, entries); err != nil || !last {
			return err
		}
		_, err := dropUnscannedStmt.Exec(t, dir.Ino)
		return err
	})
	if err != nil {
		return fmt.Errorf("record %d entries of directory %d: %w", len(entries), dir.Ino, err)
	}
	return nil
}

func addEntries(t *tx, ino Ino, entries []Entry) error {
	dir, err := t.node(ino)
	if err != nil {
		return err
	}
	before := *dir
	known := t.ledger.FoundEntries
	for i := range entries {
		if err := addEntry(t, dir, &entries[i]); err != nil {
			return err
		}
	}
	if t.ledger.FoundEntries == known {
		return nil
	}
	grow(t, dir, 0)
	return t.save(&before, dir)
}

func addEntry(t *tx, dir *Node, e *Entry) error {
	if e.Problem != nil {
		return addFailure(t, dir, e)
	}
	if t.settings.PreserveHardlinks && e.Attr.Nlink > 1 && e.Attr.Type != clfs.TypeDirectory {
		return addLink(t, dir, e)
	}
	state := Queued
	if e.Attr.Type == clfs.TypeDirectory {
		state = Held
	}
	_, err := addFound(t, dir, e, state, nil)
	return err
}

// addFailure records a failure, unless the name is known: then it has an inode,
// which has its own.
func addFailure(t *tx, dir *Node, e *Entry) error {
	_, err := findEntry(t, dir.Ino, e.Name)
	if err != ErrNoEntry {
		return err
	}
	return setFailure(t, dir.Ino, e.Name, nil, *e.Problem)
}

// addFound adds a name with an inode of its own, and returns its number; 0: the name is known.
func addFound(t *tx, dir *Node, e *Entry, state State, shared any) (Ino, error) {
	ino := t.ledger.nextIno
	isNew, err := addName(t, dir, e, ino, shared)
	if err != nil || !isNew {
		return 0, err
	}
	return ino, insertFound(t, dir, e, state)
}

// insertFound adds the row of an inode. It has all that Settle gives to one that is ready to be
// uploaded; its contents are in no staging file. The owner that its blob will have is there already:
// a row that grows when it is done splits its page of the database.
func insertFound(t *tx, dir *Node, e *Entry, state State) error {
	n := Node{Flags: Begun}
	n.Ino, n.State, n.Links, n.Attr = t.ledger.nextIno, state, 1, e.Attr
	switch e.Attr.Type {
	case clfs.TypeDirectory:
		n.Flags, n.Links = Unordered, 2
		dir.Links++
		if _, err := addUnscannedStmt.Exec(t, n.Ino); err != nil {
			return err
		}
	case clfs.TypeRegular:
		n.Flags |= Content | Evicted
		n.Peak = min(Blocks(n.Attr.Size), settledPeak)
	}
	id := clfs.NewHandle(t.settings.Key, t.settings.ContainerID, dir.ID, e.Attr.Type, t.dirMgr(&dir.Inode, e.Attr.Type), uint64(n.Ino))
	a := &e.Attr
	_, err := insertFoundStmt.Exec(t, n.Ino, dir.Ino, e.Name, []byte(id), state, a.Type, a.Mode, a.UID, a.GID, a.Size,
		a.Mtime, a.Ctime, a.Atime, int64(a.Ino), int64(a.Rdev), n.Links, e.Target, n.Flags, n.Peak, int64(dir.ID.Hash()))
	if err != nil {
		return err
	}
	t.ledger.nextIno++
	t.ledger.count(&n, 1)
	t.ledger.FoundInodes++
	t.ledger.FoundBytes += contentBytes(a)
	return nil
}

// addName adds a name of an inode. One that is known is compared.
func addName(t *tx, dir *Node, e *Entry, ino Ino, shared any) (isNew bool, err error) {
	isNew, err = changed(insertFoundNameStmt.Exec(t, dir.Ino, e.Name, ino, shared))
	switch {
	case err != nil:
		return false, err
	case isNew:
		t.ledger.FoundEntries++
		return true, nil
	}
	return false, checkKnown(t, dir, e)
}

// stillIs reports whether an entry may be the inode.
func stillIs(in *Inode, e *Entry) bool {
	device := in.Attr.Type == clfs.TypeBlock || in.Attr.Type == clfs.TypeChar
	return in.Attr.Type == e.Attr.Type && bytes.Equal(in.Target, e.Target) && (!device || in.Attr.Rdev == e.Attr.Rdev)
}

// checkKnown lets an inode fail that is not what was found under its name now. What a
// regular file holds is not asked: it was loaded as it was then.
func checkKnown(t *tx, dir *Node, e *Entry) error {
	n, _, err := findNode(t, dir.Ino, e.Name)
	if err != nil || stillIs(&n.Inode, e) {
		return err
	}
	return fail(t, n, Problem{Op: "list", Reason: "something else stands there now", Gone: true})
}
