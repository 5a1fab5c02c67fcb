package scan

import (
	"bytes"
	"context"
	"fmt"

	"clfsload/clfs"
	"clfsload/state/contents"
	"clfsload/state/namespace"
	"clfsload/state/schema"
	"clfsload/state/store"
)

var (
	insertFoundStmt = store.NewStatement(`INSERT INTO inode (ino, parent, name, handle, state, type, mode, uid, gid, size, mtime, ctime, atime, fileid, rdev, links,
			target, flags, peak, put_owner) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`)
	insertFoundNameStmt = store.NewStatement(`INSERT INTO dirent (parent, name, ino, shared) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING`)
)

// Recorder is the part of a journal that a scan of a source tree changes.
type Recorder struct{ *store.Store }

// Entry is a name that a scan found in a directory.
type Entry struct {
	Name    []byte
	Attr    schema.Attr
	Target  []byte   // of a symbolic link
	Failure *Failure // why it cannot be transferred; then Attr may be empty

	// Of an entry that is merged.

	SameContents bool // the namespace has a file with the same contents there
	Readable     bool // it was looked at whether it can be read: a directory may make room for it, or a file for a directory
}

// Failure says what failed for an entry.
type Failure struct {
	Op     string // what was tried: "lstat", "open", "read", …
	Reason string // one line, without the path
	Gone   bool   // what was listed under this name is not there any more
}

// AddEntries adds entries of a directory, and with last set notes that it is scanned
// in the same transaction. Names that are known already are left as they are, so
// a listing that was interrupted can simply be made again; but when something else
// stands there now, what was known has failed and is gone.
func (j Recorder) AddEntries(ctx context.Context, dir schema.Inode, entries []Entry, last bool) error {
	err := j.Write(ctx, store.Durable, func(t *store.Tx) error {
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

func addEntries(t *store.Tx, ino schema.Ino, entries []Entry) error {
	dir, err := t.Node(ino)
	if err != nil {
		return err
	}
	before := *dir
	known := t.Ledger.FoundEntries
	for i := range entries {
		if err := AddEntry(t, dir, &entries[i]); err != nil {
			return err
		}
	}
	if t.Ledger.FoundEntries == known {
		return nil
	}
	grow(t, dir, 0)
	return t.Save(&before, dir)
}

func AddEntry(t *store.Tx, dir *schema.Node, e *Entry) error {
	if e.Failure != nil {
		return addFailure(t, dir, e)
	}
	if t.Settings.PreserveHardlinks && e.Attr.Nlink > 1 && e.Attr.Type != clfs.TypeDirectory {
		return addLink(t, dir, e)
	}
	state := schema.Queued
	if e.Attr.Type == clfs.TypeDirectory {
		state = schema.Held
	}
	_, err := addFound(t, dir, e, state, nil)
	return err
}

// addFailure records a failure, unless the name is known: then it has an inode,
// which has its own.
func addFailure(t *store.Tx, dir *schema.Node, e *Entry) error {
	_, err := namespace.FindEntry(t, dir.Ino, e.Name)
	if err != schema.ErrNoEntry {
		return err
	}
	return setFailure(t, dir.Ino, e.Name, nil, *e.Failure)
}

// addFound adds a name with an inode of its own, and returns its number; 0: the name is known.
func addFound(t *store.Tx, dir *schema.Node, e *Entry, state schema.State, shared any) (schema.Ino, error) {
	ino := t.Ledger.NextIno
	isNew, err := addName(t, dir, e, ino, shared)
	if err != nil || !isNew {
		return 0, err
	}
	return ino, insertFound(t, dir, e, state)
}

// insertFound adds the row of an inode. It has all that Settle gives to one that is ready to be
// uploaded; its contents are in no staging file. The owner that its blob will have is there already:
// a row that grows when it is done splits its page of the database.
func insertFound(t *store.Tx, dir *schema.Node, e *Entry, state schema.State) error {
	n := schema.Node{Flags: schema.Begun}
	n.Ino, n.State, n.Links, n.Attr = t.Ledger.NextIno, state, 1, e.Attr
	switch e.Attr.Type {
	case clfs.TypeDirectory:
		n.Flags, n.Links = schema.Unordered, 2
		dir.Links++
		if _, err := addUnscannedStmt.Exec(t, n.Ino); err != nil {
			return err
		}
	case clfs.TypeRegular:
		n.Flags |= schema.Content | schema.Evicted
		n.Reserved = min(schema.Blocks(n.Attr.Size), contents.SettledPeak)
	}
	id := clfs.NewHandle(t.Settings.Key, t.Settings.ContainerID, dir.ID, e.Attr.Type, t.DirMgr(&dir.Inode, e.Attr.Type), uint64(n.Ino))
	a := &e.Attr
	_, err := insertFoundStmt.Exec(t, n.Ino, dir.Ino, e.Name, []byte(id), state, a.Type, a.Mode, a.UID, a.GID, a.Size,
		a.Mtime, a.Ctime, a.Atime, int64(a.Ino), int64(a.Rdev), n.Links, e.Target, n.Flags, n.Reserved, int64(dir.ID.Hash()))
	if err != nil {
		return err
	}
	t.Ledger.NextIno++
	t.Ledger.Count(&n, 1)
	t.Ledger.FoundInodes++
	t.Ledger.FoundBytes += schema.ContentBytes(a)
	return nil
}

// addName adds a name of an inode. One that is known is compared.
func addName(t *store.Tx, dir *schema.Node, e *Entry, ino schema.Ino, shared any) (isNew bool, err error) {
	isNew, err = store.Changed(insertFoundNameStmt.Exec(t, dir.Ino, e.Name, ino, shared))
	switch {
	case err != nil:
		return false, err
	case isNew:
		t.Ledger.FoundEntries++
		return true, nil
	}
	return false, checkKnown(t, dir, e)
}

// stillIs reports whether an entry may be the inode.
func stillIs(in *schema.Inode, e *Entry) bool {
	device := in.Attr.Type == clfs.TypeBlock || in.Attr.Type == clfs.TypeChar
	return in.Attr.Type == e.Attr.Type && bytes.Equal(in.Target, e.Target) && (!device || in.Attr.Rdev == e.Attr.Rdev)
}

// checkKnown lets an inode fail that is not what was found under its name now. What a
// regular file holds is not asked: it was loaded as it was then.
func checkKnown(t *store.Tx, dir *schema.Node, e *Entry) error {
	n, _, err := namespace.FindNode(t, dir.Ino, e.Name)
	if err != nil || stillIs(&n.Inode, e) {
		return err
	}
	return fail(t, n, Failure{Op: "list", Reason: "something else stands there now", Gone: true})
}
