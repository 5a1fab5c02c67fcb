package state

import (
	"bytes"
	"context"
	"fmt"

	"clfsload/clfs"
)

// Entry is a name that a producer found in a directory.
type Entry struct {
	Name    []byte
	Attr    Attr
	Target  []byte   // of a symbolic link
	Problem *Problem // why it cannot be transferred; then Attr may be empty
}

// Problem says what failed for an entry.
type Problem struct {
	Op     string // what was tried: "lstat", "open", "read", …
	Reason string // one line, without the path
	Gone   bool   // what was listed under this name is not there any more
}

// UnscannedDirectories returns up to limit directories whose entries are not all
// known, the deepest-found first, so that few of them are open at a time.
func (j *Journal) UnscannedDirectories(ctx context.Context, limit int) ([]Inode, error) {
	return j.inodes(ctx,
		`SELECT `+inodeColumns+` FROM inode WHERE state = 0 ORDER BY ino DESC LIMIT ?`, limit)
}

// Listed reports whether the entries of all directories are known.
func (j *Journal) Listed(ctx context.Context) (listed bool, err error) {
	row := j.row(ctx, `SELECT NOT EXISTS (SELECT 1 FROM inode WHERE state = 0)`)
	if err := row.Scan(&listed); err != nil {
		return false, fmt.Errorf("look for directories that are not listed: %w", classify(err))
	}
	return listed, nil
}

// AddEntries adds entries of a directory, and with last set marks it as scanned
// in the same transaction. Names that are known already are left as they are, so
// a listing that was interrupted can simply be made again; but when something else
// stands there now, what was known has failed and is gone.
func (j *Journal) AddEntries(ctx context.Context, dir Inode, entries []Entry, last bool) error {
	err := j.write(ctx, durable, func(t *tx) error {
		for i := range entries {
			if err := t.addEntry(&dir, &entries[i]); err != nil {
				return err
			}
		}
		if !last {
			return nil
		}
		t.queued = true
		_, err := t.stmts.setState.Exec(dir.Ino, Held, Unscanned)
		return err
	})
	if err != nil {
		return fmt.Errorf("record %d entries of directory %d: %w", len(entries), dir.Ino, err)
	}
	return nil
}

func (t *tx) addEntry(dir *Inode, e *Entry) error {
	if e.Problem != nil {
		return t.addProblem(dir, e)
	}
	if t.settings.PreserveHardlinks && e.Attr.Nlink > 1 && e.Attr.Type != clfs.TypeDirectory {
		return t.addLink(dir, e)
	}
	state := Queued
	if e.Attr.Type == clfs.TypeDirectory {
		state = Unscanned
	}
	return t.addNew(dir, e, state, nil)
}

// addProblem records a failure, unless the name is known: then it has an inode,
// which has its own.
func (t *tx) addProblem(dir *Inode, e *Entry) error {
	var known Ino
	err := t.stmts.findDirent.QueryRow(dir.Ino, e.Name).Scan(&known)
	if !noRows(err) {
		return err
	}
	return t.setFailure(dir.Ino, e.Name, nil, *e.Problem)
}

// addNew adds a name with an inode of its own.
func (t *tx) addNew(dir *Inode, e *Entry, state State, shared any) error {
	isNew, err := t.insertDirent(dir, e, t.ledger.nextIno, shared)
	if err != nil || !isNew {
		return err
	}
	return t.insertInode(dir, e, state)
}

func (t *tx) insertDirent(dir *Inode, e *Entry, ino Ino, shared any) (bool, error) {
	isNew, err := changed(t.stmts.insertDirent.Exec(dir.Ino, e.Name, ino, shared))
	switch {
	case err != nil:
		return false, err
	case isNew:
		t.ledger.FoundEntries++
		return true, nil
	}
	return false, t.checkKnown(dir, e)
}

// stillIs reports whether an entry may be the inode.
func (in *Inode) stillIs(e *Entry) bool {
	device := in.Attr.Type == clfs.TypeBlock || in.Attr.Type == clfs.TypeChar
	return in.Attr.Type == e.Attr.Type && bytes.Equal(in.Target, e.Target) && (!device || in.Attr.Rdev == e.Attr.Rdev)
}

// checkKnown lets an inode fail that is not what was found under its name now. What a
// regular file holds is not asked: it was loaded as it was then.
func (t *tx) checkKnown(dir *Inode, e *Entry) error {
	var ino Ino
	if err := t.stmts.findDirent.QueryRow(dir.Ino, e.Name).Scan(&ino); err != nil {
		return err
	}
	in, err := scanInode(t.stmts.findInode.QueryRow(ino))
	if err != nil || in.stillIs(e) {
		return err
	}
	if in.State == Done {
		if _, err := t.stmts.setState.Exec(ino, Failed, Done); err != nil {
			return err
		}
		t.undone(&in.Attr)
	}
	return t.failInode(&in, Problem{Op: "list", Reason: "something else stands there now", Gone: true})
}

// addLink adds a name of an inode that has several.
func (t *tx) addLink(dir *Inode, e *Entry) error {
	var first struct {
		ino           Ino
		links, expect uint32
		state         State
		size          int64
	}
	row := t.stmts.findHardlink.QueryRow(int64(e.Attr.Dev), int64(e.Attr.Ino), e.Attr.Type)
	err := row.Scan(&first.ino, &first.links, &first.expect, &first.state, &first.size)
	if noRows(err) || err == nil && first.links >= clfs.MaxLinks {
		return t.addFirstLink(dir, e)
	}
	if err != nil {
		return err
	}
	isNew, err := t.insertDirent(dir, e, first.ino, 1)
	if err != nil || !isNew {
		return err
	}
	next := first.state // of a failed one: it is queued when it is tried again
	if first.state == Held && first.links+1 >= min(first.expect, clfs.MaxLinks) {
		next = Queued
	}
	if first.state == Done {
		// It was written before this link was made; it is written once more.
		next = Queued
		t.undone(&Attr{Type: e.Attr.Type, Size: first.size})
	}
	t.queued = true
	_, err = t.stmts.addLink.Exec(first.ino, next)
	return err
}

// addFirstLink begins a new inode: for the first name, and again for each
// clfs.MaxLinks further ones.
func (t *tx) addFirstLink(dir *Inode, e *Entry) error {
	ino := t.ledger.nextIno
	if err := t.addNew(dir, e, Held, 1); err != nil || t.ledger.nextIno == ino {
		return err
	}
	_, err := t.stmts.setHardlink.Exec(int64(e.Attr.Dev), int64(e.Attr.Ino), e.Attr.Type, ino)
	return err
}

// Renew records other attributes of a directory that is not scanned yet.
func (j *Journal) Renew(ctx context.Context, dir Inode, a Attr) error {
	if err := j.write(ctx, durable, func(t *tx) error { return t.setAttr(&dir, &a) }); err != nil {
		return fmt.Errorf("record attributes of directory %d: %w", dir.Ino, err)
	}
	return nil
}

// FailDirectory records that a directory could not be listed to its end.
func (j *Journal) FailDirectory(ctx context.Context, dir Inode, p Problem) error {
	return j.write(ctx, durable, func(t *tx) error { return t.failInode(&dir, p) })
}

// ReleaseHeld queues the inodes that wait for further links: to be called when
// no further ones can come.
func (j *Journal) ReleaseHeld(ctx context.Context) error {
	const batch = 10000
	for more := true; more; {
		err := j.write(ctx, durable, func(t *tx) error {
			var err error
			more, err = changed(t.stmts.releaseHeld.Exec(batch))
			t.queued = t.queued || more
			return err
		})
		if err != nil {
			return fmt.Errorf("queue hard links: %w", err)
		}
	}
	return nil
}
