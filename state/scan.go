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
	findLinkStmt        = newStatement(`SELECT ino, expect FROM source_link WHERE fileid = ? AND dev = ? AND type = ?`)
	setLinkStmt         = newStatement(`INSERT OR REPLACE INTO source_link (fileid, dev, type, ino, expect) VALUES (?, ?, ?, ?, ?)`)
	addUnscannedStmt    = newStatement(`INSERT OR IGNORE INTO unscanned (dir) VALUES (?)`)
	dropUnscannedStmt   = newStatement(`DELETE FROM unscanned WHERE dir = ?`)
)

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

// UnscannedDirectories returns up to limit directories whose entries in the source are not all
// known, the deepest-found first, so that few of them are open at a time.
func (j *Journal) UnscannedDirectories(ctx context.Context, limit int) ([]Inode, error) {
	return j.inodes(ctx, `SELECT `+inodeColumns+` FROM inode WHERE ino IN
		(SELECT dir FROM unscanned ORDER BY dir DESC LIMIT ?) ORDER BY ino DESC`, limit)
}

// Listed reports whether the entries of all directories are known.
func (j *Journal) Listed(ctx context.Context) (listed bool, err error) {
	row := j.row(ctx, `SELECT NOT EXISTS (SELECT 1 FROM unscanned)`)
	if err := row.Scan(&listed); err != nil {
		return false, fmt.Errorf("look for directories that are not listed: %w", classify(err))
	}
	return listed, nil
}

// AddEntries adds entries of a directory, and with last set notes that it is scanned
// in the same transaction. Names that are known already are left as they are, so
// a listing that was interrupted can simply be made again; but when something else
// stands there now, what was known has failed and is gone.
func (j *Journal) AddEntries(ctx context.Context, dir Inode, entries []Entry, last bool) error {
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
		return addProblem(t, dir, e)
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

// addProblem records a failure, unless the name is known: then it has an inode,
// which has its own.
func addProblem(t *tx, dir *Node, e *Entry) error {
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

// addLink adds a name of an inode that has several.
func addLink(t *tx, dir *Node, e *Entry) error {
	a := &e.Attr
	var first Ino
	var expect uint32
	err := findLinkStmt.QueryRow(t, int64(a.Ino), int64(a.Dev), a.Type).Scan(&first, &expect)
	if noRows(err) {
		return addFirstLink(t, dir, e)
	}
	if err != nil {
		return err
	}
	n, err := t.node(first)
	if err == ErrNoEntry || err == nil && (n.Links >= clfs.MaxLinks || n.State == Removed) {
		return addFirstLink(t, dir, e)
	}
	if err != nil {
		return err
	}
	isNew, err := addName(t, dir, e, first, 1)
	if err != nil || !isNew {
		return err
	}
	if _, err := shareEntryStmt.Exec(t, n.Parent, n.Name); err != nil { // it may have had one name until now
		return err
	}
	before := *n
	n.setLinks(n.Links + 1)
	switch {
	case n.State == Linking && n.Links >= min(expect, clfs.MaxLinks):
		n.State = Queued
	case n.State == Queued || n.State == Done || n.State == Sealed:
		noteMoved(t, n)
	}
	return t.save(&before, n)
}

// addFirstLink begins a new inode: for the first name, and again for each
// clfs.MaxLinks further ones.
func addFirstLink(t *tx, dir *Node, e *Entry) error {
	ino, err := addFound(t, dir, e, Linking, 1)
	if err != nil || ino == 0 {
		return err
	}
	_, err = setLinkStmt.Exec(t, int64(e.Attr.Ino), int64(e.Attr.Dev), e.Attr.Type, ino, e.Attr.Nlink)
	return err
}

// ExpectedLinks is how many names an inode has in the source, according to the one that was
// found first; 0: it is not known.
func (j *Journal) ExpectedLinks(ctx context.Context, in Inode) (links uint64, err error) {
	row := j.row(ctx, `SELECT coalesce(max(expect), 0) FROM source_link WHERE fileid = ? AND type = ?`, int64(in.Attr.Ino), in.Attr.Type)
	if err := row.Scan(&links); err != nil {
		return 0, fmt.Errorf("look for links of inode %d: %w", in.Ino, classify(err))
	}
	return links, nil
}

// RenewDirectory records other attributes of a directory that is not scanned yet.
func (j *Journal) RenewDirectory(ctx context.Context, dir Inode, a Attr) error {
	err := j.write(ctx, durable, func(t *tx) error {
		n, err := t.node(dir.Ino)
		if err != nil {
			return err
		}
		return renewDirectory(t, n, &a)
	})
	if err != nil {
		return fmt.Errorf("record attributes of directory %d: %w", dir.Ino, err)
	}
	return nil
}

func renewDirectory(t *tx, n *Node, a *Attr) error {
	if n.Attr.SameContents(*a) {
		return nil
	}
	before := *n
	if err := setSource(t, n, a); err != nil {
		return err
	}
	if n.PutPub != 0 {
		t.touch(n)
	}
	return t.save(&before, n)
}

// FailDirectory records that a directory could not be listed to its end.
func (j *Journal) FailDirectory(ctx context.Context, dir Inode, p Problem) error {
	return j.write(ctx, durable, func(t *tx) error {
		n, err := t.node(dir.Ino)
		if err != nil {
			return err
		}
		if t.isExisting(n) { // it stays what it is
			if _, err := dropUnscannedStmt.Exec(t, n.Ino); err != nil {
				return err
			}
			return setFailure(t, n.Parent, n.Name, nil, p)
		}
		return fail(t, n, p)
	})
}

const linkingNodes = `SELECT ` + nodeColumns + ` FROM inode WHERE state = {linking} ORDER BY ino LIMIT ?`

// ReleaseLinks queues the inodes that wait for further links: to be called when
// no further ones can come.
func (j *Journal) ReleaseLinks(ctx context.Context) error {
	const page = 10000
	for {
		list, err := j.nodes(ctx, linkingNodes, page)
		if err != nil || len(list) == 0 {
			return err
		}
		err = j.write(ctx, durable, func(t *tx) error {
			for i := range list {
				n := list[i]
				n.State = Queued
				if err := t.save(&list[i], &n); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("queue hard links: %w", err)
		}
	}
}
