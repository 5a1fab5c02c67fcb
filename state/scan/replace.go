package scan

import (
	"errors"

	"clfsload/clfs"
	"clfsload/state/namespace"
	"clfsload/state/schema"
	"clfsload/state/store"
)

// replacement is an entry of the source and what stands in its place.
type replacement struct {
	dir, old *schema.Node
	entry    *Entry
	now      int64
}

// resolveDifference does what is asked for where an entry differs.
func resolveDifference(t *store.Tx, r *replacement, d Difference) (Merged, error) {
	another := d&needsReplacement != 0
	switch {
	case d == 0, !another && !t.Settings.Merge.Update:
		return Merged{}, nil
	case !t.Settings.Merge.Update:
		return refuseEntry(t, r, d, "the container has "+d.describe()+" there; --update replaces it")
	case another:
		return replace(t, r, d)
	}
	return Merged{Outcome: Changed, Difference: d}, takeAttributes(t, r.old, &r.entry.Attr)
}

// opMerge is the Op of what is refused, of which it is known what the source has.
const opMerge = "merge"

func refuseEntry(t *store.Tx, r *replacement, d Difference, reason string) (Merged, error) {
	m := Merged{Refused, d, Failure{Op: opMerge, Reason: reason}}
	return m, setFailure(t, r.dir.Ino, r.entry.Name, nil, m.Failure)
}

// takeAttributes gives a node that was there before the attributes of the source.
func takeAttributes(t *store.Tx, n *schema.Node, a *schema.Attr) error {
	before := *n
	if err := setSource(t, n, a); err != nil {
		return err
	}
	t.Touch(n)
	return t.Save(&before, n)
}

// replace puts the entry of the source into the place of another inode. Readers find the old
// one until the new one is uploaded, but for directories: these go only if the entry can be read.
func replace(t *store.Tx, r *replacement, d Difference) (Merged, error) {
	directory := r.old.IsDirectory() || r.entry.Attr.Type == clfs.TypeDirectory
	if directory && !r.entry.Readable {
		return Merged{Outcome: InTheWay, Difference: d}, nil
	}
	err := namespace.CheckRemoval(t, r.old, r.old.IsDirectory())
	if err == nil {
		err = namespace.CheckOtherName(t, r.old)
	}
	var unread *schema.Unread
	switch {
	case errors.As(err, &unread):
		return Merged{}, err
	case err == schema.ErrNotEmpty && t.Settings.Merge.Delete:
		return refuseEntry(t, r, d, "the container has a directory there with entries that the filter leaves out")
	case err == schema.ErrNotEmpty:
		return refuseEntry(t, r, d, "the container has a directory with entries there; --delete removes them")
	case err == schema.ErrUnfaithful:
		return refuseEntry(t, r, d, err.Error())
	case err != nil:
		return Merged{}, err
	}
	name := r.entry.Name
	if r.old.IsDirectory() {
		if err := unfind(t, Extra{r.dir.Ino, name}, r.old); err != nil {
			return Merged{}, err
		}
	}
	if err := namespace.DropEntry(t, r.dir.Ino, name); err != nil {
		return Merged{}, err
	}
	if err := AddEntry(t, r.dir, r.entry); err != nil {
		return Merged{}, err
	}
	removed := &namespace.Removal{Dir: r.dir.Ino, Name: name, Now: r.now}
	if r.entry.Attr.Type != clfs.TypeDirectory {
		if removed.Successor, _, err = namespace.FindNode(t, r.dir.Ino, name); err != nil {
			return Merged{}, err
		}
	}
	return Merged{Outcome: Replaced, Difference: d}, namespace.DropName(t, r.old, removed, r.dir)
}

// mergeLink merges one of several names of a file. The first of them that is found says which
// inode the others are to be links to.
func mergeLink(t *store.Tx, r *replacement, d Difference) (Merged, error) {
	a := &r.entry.Attr
	var first schema.Ino
	var expect uint64
	err := findLinkStmt.QueryRow(t, int64(a.Ino), int64(a.Dev), a.Type).Scan(&first, &expect)
	if err != nil && !store.NoRows(err) {
		return Merged{}, err
	}
	if err == nil && first == r.old.Ino && d&needsReplacement != 0 {
		return Merged{}, nil // the file has changed since its first name was merged: the next load finds that
	}
	if err == nil && first != r.old.Ino && t.Settings.Merge.Update {
		d |= otherLink
	}
	m, failed := resolveDifference(t, r, d)
	if failed != nil || err == nil || m.Outcome != Kept && m.Outcome != Changed {
		return m, failed
	}
	_, err = setLinkStmt.Exec(t, int64(a.Ino), int64(a.Dev), a.Type, r.old.Ino, a.Nlink)
	return m, err
}
