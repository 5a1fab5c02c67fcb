package scan

import (
	"context"
	"errors"
	"fmt"
	"time"

	"clfsload/clfs"
	"clfsload/state/namespace"
	"clfsload/state/schema"
	"clfsload/state/store"
)

// Outcome is what a merge has made of an entry.
type Outcome int

const (
	Kept     Outcome = iota // it is as it was
	Added                   // there was none
	Replaced                // by another inode
	Changed                 // it has the attributes of the source now
	Refused                 // it fails: see Merged.Failure
	InTheWay                // a directory is to take its place, or it that of a directory, and it is not known whether it is Readable
)

// Merged is an entry of a source that was merged.
type Merged struct {
	Outcome    Outcome
	Difference Difference
	Failure    Failure // of one that is Refused
}

// MergeEntries is AddEntries for a directory that may have been there before the load. list says
// what became of the entries, in their order. unread is not nil when something has to be read
// from the container before it can go on with those behind.
func (j Recorder) MergeEntries(ctx context.Context, dir schema.Ino, entries []Entry) (list []Merged, unread *schema.Unread, err error) {
	err = j.Write(ctx, store.Committed, func(t *store.Tx) error { // the engine makes it durable before it uploads
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

func mergeEntries(t *store.Tx, ino schema.Ino, entries []Entry) (list []Merged, unread *schema.Unread, err error) {
	dir, err := t.Node(ino)
	if err == nil {
		err = dir.CheckRead()
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
	return list, unread, t.Save(&before, dir)
}

// grow notes that a directory has got entries of a scan.
func grow(t *store.Tx, dir *schema.Node, now int64) {
	t.Queued = true
	dir.Flags |= schema.Unordered
	if dir.State != schema.Held || dir.PutPub != 0 { // it may be in the container without them
		dir.Flags |= schema.Grown
		t.Touch(dir)
	}
	noteEntries(t, dir, now)
}

// noteEntries sets the times of a directory whose entries a merge has changed, unless they are
// those of the source.
func noteEntries(t *store.Tx, dir *schema.Node, now int64) {
	if t.IsExisting(dir) && !t.Settings.Merge.TakesTimes() {
		dir.Attr.Mtime, dir.Attr.Ctime = now, now
	}
}

func mergeEntry(t *store.Tx, dir *schema.Node, e *Entry, now int64) (Merged, error) {
	n, _, err := namespace.FindNode(t, dir.Ino, e.Name)
	switch {
	case err == schema.ErrNoEntry && e.Failure == nil:
		return Merged{Outcome: Added}, AddEntry(t, dir, e)
	case err == schema.ErrNoEntry, err == nil && !t.IsExisting(n):
		return Merged{}, AddEntry(t, dir, e)
	case err != nil:
		return Merged{}, err
	case e.Failure != nil:
		return Merged{}, setFailure(t, dir.Ino, e.Name, nil, *e.Failure)
	}
	r := &replacement{dir: dir, old: n, entry: e, now: now}
	if n.IsDirectory() && e.Attr.Type == clfs.TypeDirectory {
		_, err := addUnscannedStmt.Exec(t, n.Ino) // its attributes are compared when it is listed
		return Merged{}, err
	}
	if t.Settings.Merge.Compare == schema.CompareNames {
		return Merged{}, nil
	}
	if n.Attr.Type != e.Attr.Type {
		return resolveDifference(t, r, OtherType)
	}
	if err := n.CheckRead(); err != nil {
		return Merged{}, err
	}
	d := differs(n, e, t.Settings.Merge.Compare)
	if t.Settings.PreserveHardlinks && e.Attr.Nlink > 1 {
		return mergeLink(t, r, d)
	}
	return resolveDifference(t, r, d)
}
