package state

import (
	"context"
	"errors"
	"fmt"
	"time"

	"clfsload/clfs"
)

// Outcome is what a merge has made of an entry.
type Outcome int

const (
	Kept     Outcome = iota // it is as it was
	Added                   // there was none
	Replaced                // by another inode
	Changed                 // it has the attributes of the source now
	Refused                 // it fails: see Merged.Problem
	InTheWay                // a directory is to take its place, or it that of a directory, and it is not known whether it is Readable
)

// Merged is an entry of a source that was merged.
type Merged struct {
	Outcome    Outcome
	Difference Difference
	Problem    Problem // of one that is Refused
}

// MergeEntries is AddEntries for a directory that may have been there before the load. list says
// what became of the entries, in their order. unread is not nil when something has to be read
// from the container before it can go on with those behind.
func (j Recorder) MergeEntries(ctx context.Context, dir Ino, entries []Entry) (list []Merged, unread *Unread, err error) {
	err = j.write(ctx, committed, func(t *tx) error { // the engine makes it durable before it uploads
		list, unread, err = mergeEntries(t, dir, entries)
		return err
	})
	if errors.As(err, &unread) {
		return nil, unread, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("merge %d entries of directory %d: %w", len(entries), dir, err)
	}
	return list, unread, nil
}

func mergeEntries(t *tx, ino Ino, entries []Entry) (list []Merged, unread *Unread, err error) {
	dir, err := t.node(ino)
	if err == nil {
		err = dir.checkRead()
	}
	if err != nil {
		return nil, nil, err
	}
	before, now := *dir, time.Now().UnixNano()
	grown := false
	for i := range entries {
		m, err := mergeEntry(t, dir, &entries[i], now)
		if errors.As(err, &unread) {
			break // what is merged stays
		}
		if err != nil {
			return nil, nil, err
		}
		grown = grown || m.Outcome == Added || m.Outcome == Replaced
		list = append(list, m)
	}
	if !grown {
		return list, unread, nil
	}
	grow(t, dir, now)
	return list, unread, t.save(&before, dir)
}

// grow notes that a directory has got entries of a scan.
func grow(t *tx, dir *Node, now int64) {
	t.queued = true
	dir.Flags |= Unordered
	if dir.State != Held || dir.PutPub != 0 { // it may be in the container without them
		dir.Flags |= Grown
		t.touch(dir)
	}
	noteEntries(t, dir, now)
}

// noteEntries sets the times of a directory whose entries a merge has changed, unless they are
// those of the source.
func noteEntries(t *tx, dir *Node, now int64) {
	if t.isExisting(dir) && !t.settings.Merge.takesTimes() {
		dir.Attr.Mtime, dir.Attr.Ctime = now, now
	}
}

func mergeEntry(t *tx, dir *Node, e *Entry, now int64) (Merged, error) {
	n, _, err := findNode(t, dir.Ino, e.Name)
	switch {
	case err == ErrNoEntry && e.Problem == nil:
		return Merged{Outcome: Added}, addEntry(t, dir, e)
	case err == ErrNoEntry, err == nil && !t.isExisting(n):
		return Merged{}, addEntry(t, dir, e)
	case err != nil:
		return Merged{}, err
	case e.Problem != nil:
		return Merged{}, setFailure(t, dir.Ino, e.Name, nil, *e.Problem)
	}
	r := &replacement{dir: dir, old: n, entry: e, now: now}
	if n.IsDirectory() && e.Attr.Type == clfs.TypeDirectory {
		_, err := addUnscannedStmt.Exec(t, n.Ino) // its attributes are compared when it is listed
		return Merged{}, err
	}
	if t.settings.Merge.Compare == CompareNames {
		return Merged{}, nil
	}
	if n.Attr.Type != e.Attr.Type {
		return resolveDifference(t, r, OtherType)
	}
	if err := n.checkRead(); err != nil {
		return Merged{}, err
	}
	d := differs(n, e, t.settings.Merge.Compare)
	if t.settings.PreserveHardlinks && e.Attr.Nlink > 1 {
		return mergeLink(t, r, d)
	}
	return resolveDifference(t, r, d)
}
