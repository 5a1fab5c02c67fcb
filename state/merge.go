package state

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"clfsload/clfs"
)

// Merge says how a load goes into a namespace that was there before. Its zero value is that of
// a load that began with an empty container.
type Merge struct {
	Into    string // the directory that the source becomes, as a path from "/"; "": none
	Update  bool   // what differs from the source is replaced; otherwise it fails
	Delete  bool   // what the source does not have is removed
	Compare Comparison
	First   Ino // inodes that the load has made have this number or a higher one
}

// takesTimes reports whether directories that were there before get the times of the source.
func (m *Merge) takesTimes() bool { return m.Update && m.Compare != CompareNames }

// Comparison says which entries of a namespace pass for those of a source.
type Comparison int

const (
	CompareTimes    Comparison = iota // files by size and time of modification
	CompareSizes                      // files by size
	CompareContents                   // files by contents
	CompareNames                      // all by name
)

// Difference says in what an entry of the namespace differs from that of the source.
type Difference uint

const (
	OtherType     Difference = 1 << iota
	OtherContents            // or target, or device number
	OtherSize
	OtherMtime
	OtherMode
	OtherUID
	OtherGID
	OtherLink // the source has it as a link to another file
)

// needsReplacement are the differences that another inode has to make up for.
const needsReplacement = OtherType | OtherContents | OtherLink

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
func (j *Journal) MergeEntries(ctx context.Context, dir Ino, entries []Entry) (list []Merged, unread *Unread, err error) {
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
		return settleDifference(t, r, OtherType)
	}
	if err := n.checkRead(); err != nil {
		return Merged{}, err
	}
	d := differs(n, e, t.settings.Merge.Compare)
	if t.settings.PreserveHardlinks && e.Attr.Nlink > 1 {
		return mergeLink(t, r, d)
	}
	return settleDifference(t, r, d)
}

// replacement is an entry of the source and what stands in its place.
type replacement struct {
	dir, old *Node
	entry    *Entry
	now      int64
}

// timeTolerance is how far apart, in nanoseconds, two times may be that are the same: CLFSLoad
// has lost what is below a microsecond.
const timeTolerance = 1000

// differs compares a node that is of the type of the entry.
func differs(n *Node, e *Entry, how Comparison) (d Difference) {
	a, b := &n.Attr, &e.Attr
	for _, c := range []struct {
		differ bool
		what   Difference
	}{
		{!sameTime(a.Mtime, b.Mtime), OtherMtime},
		{(a.Mode^b.Mode)&0o7777 != 0, OtherMode},
		{a.UID != b.UID, OtherUID},
		{a.GID != b.GID, OtherGID},
	} {
		if c.differ {
			d |= c.what
		}
	}
	switch a.Type {
	case clfs.TypeRegular:
		d |= differentContents(a, e, how, d)
	case clfs.TypeSymlink:
		if !bytes.Equal(n.Target, e.Target) {
			d |= OtherContents
		}
	case clfs.TypeBlock, clfs.TypeChar:
		if a.Rdev != b.Rdev {
			d |= OtherContents
		}
	}
	return d
}

// differentContents compares a file. One of another size has other contents.
func differentContents(a *Attr, e *Entry, how Comparison, d Difference) Difference {
	switch {
	case a.Size != e.Attr.Size:
		return OtherContents | OtherSize
	case how == CompareTimes && d&OtherMtime != 0, how == CompareContents && !e.SameContents:
		return OtherContents
	}
	return 0
}

// sameTime compares times as CLFS can hold them.
func sameTime(a, b int64) bool {
	fit := func(t int64) int64 {
		c, _ := clfs.NewTime(SplitNanoseconds(t))
		return Nanoseconds(int64(c.Sec), int64(c.Nsec))
	}
	return max(fit(a)-fit(b), fit(b)-fit(a)) <= timeTolerance
}

// settleDifference does what is asked for where an entry differs.
func settleDifference(t *tx, r *replacement, d Difference) (Merged, error) {
	another := d&needsReplacement != 0
	switch {
	case d == 0, !another && !t.settings.Merge.Update:
		return Merged{}, nil
	case !t.settings.Merge.Update:
		return refuseEntry(t, r, d, "the container has "+d.describe()+" there; --update replaces it")
	case another:
		return replace(t, r, d)
	}
	return Merged{Outcome: Changed, Difference: d}, takeAttributes(t, r.old, &r.entry.Attr)
}

func (d Difference) describe() string {
	switch {
	case d&OtherType != 0:
		return "something of another type"
	case d&OtherSize != 0:
		return "a file of another size"
	}
	return "something else"
}

// opMerge is the Op of what is refused, of which it is known what the source has.
const opMerge = "merge"

func refuseEntry(t *tx, r *replacement, d Difference, reason string) (Merged, error) {
	m := Merged{Refused, d, Problem{Op: opMerge, Reason: reason}}
	return m, setFailure(t, r.dir.Ino, r.entry.Name, nil, m.Problem)
}

// takeAttributes gives a node that was there before the attributes of the source.
func takeAttributes(t *tx, n *Node, a *Attr) error {
	before := *n
	if err := setSource(t, n, a); err != nil {
		return err
	}
	t.touch(n)
	return t.save(&before, n)
}

// replace puts the entry of the source into the place of another inode. Readers find the old
// one until the new one is uploaded, but for directories: these go only if the entry can be read.
func replace(t *tx, r *replacement, d Difference) (Merged, error) {
	directory := r.old.IsDirectory() || r.entry.Attr.Type == clfs.TypeDirectory
	if directory && !r.entry.Readable {
		return Merged{Outcome: InTheWay, Difference: d}, nil
	}
	err := checkRemoval(t, r.old, r.old.IsDirectory())
	if err == nil {
		err = checkOtherName(t, r.old)
	}
	var unread *Unread
	switch {
	case errors.As(err, &unread):
		return Merged{}, err
	case err == ErrNotEmpty && t.settings.Merge.Delete:
		return refuseEntry(t, r, d, "the container has a directory there with entries that the filter leaves out")
	case err == ErrNotEmpty:
		return refuseEntry(t, r, d, "the container has a directory with entries there; --delete removes them")
	case err == ErrUnfaithful:
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
	if _, err := dropEntryStmt.Exec(t, r.dir.Ino, name); err != nil {
		return Merged{}, err
	}
	if err := addEntry(t, r.dir, r.entry); err != nil {
		return Merged{}, err
	}
	removed := &removal{dir: r.dir.Ino, name: name, now: r.now}
	if r.entry.Attr.Type != clfs.TypeDirectory {
		if removed.successor, _, err = findNode(t, r.dir.Ino, name); err != nil {
			return Merged{}, err
		}
	}
	return Merged{Outcome: Replaced, Difference: d}, dropName(t, r.old, removed, r.dir)
}

// mergeLink merges one of several names of a file. The first of them that is found says which
// inode the others are to be links to.
func mergeLink(t *tx, r *replacement, d Difference) (Merged, error) {
	a := &r.entry.Attr
	var first Ino
	var expect uint64
	err := findLinkStmt.QueryRow(t, int64(a.Ino), int64(a.Dev), a.Type).Scan(&first, &expect)
	if err != nil && !noRows(err) {
		return Merged{}, err
	}
	if err == nil && first == r.old.Ino && d&needsReplacement != 0 {
		return Merged{}, nil // the file has changed since its first name was merged: the next load finds that
	}
	if err == nil && first != r.old.Ino && t.settings.Merge.Update {
		d |= OtherLink
	}
	m, failed := settleDifference(t, r, d)
	if failed != nil || err == nil || m.Outcome != Kept && m.Outcome != Changed {
		return m, failed
	}
	_, err = setLinkStmt.Exec(t, int64(a.Ino), int64(a.Dev), a.Type, r.old.Ino, a.Nlink)
	return m, err
}

// MergeDirectory compares the attributes of a directory with those that it has in the source when
// it is listed. Errors: *Unread, ErrUnfaithful.
func (j *Journal) MergeDirectory(ctx context.Context, dir Ino, a Attr) (m Merged, err error) {
	err = j.write(ctx, committed, func(t *tx) error {
		m, err = mergeDirectory(t, dir, &a)
		return err
	})
	if err != nil {
		return Merged{}, fmt.Errorf("merge attributes of directory %d: %w", dir, err)
	}
	return m, nil
}

// EndScan notes that all entries of a directory are merged.
func (j *Journal) EndScan(ctx context.Context, dir Ino) error {
	err := j.write(ctx, committed, func(t *tx) error {
		_, err := dropUnscannedStmt.Exec(t, dir)
		return err
	})
	if err != nil {
		return fmt.Errorf("end the scan of directory %d: %w", dir, err)
	}
	return nil
}

func mergeDirectory(t *tx, dir Ino, a *Attr) (Merged, error) {
	n, err := t.node(dir)
	if err != nil {
		return Merged{}, err
	}
	if !t.isExisting(n) {
		return Merged{Outcome: Added}, renewDirectory(t, n, a)
	}
	if err := n.checkRead(); err != nil {
		return Merged{}, err
	}
	merge := &t.settings.Merge
	d := differs(n, &Entry{Attr: *a}, merge.Compare)
	if d == 0 || !merge.takesTimes() {
		return Merged{}, nil
	}
	return Merged{Outcome: Changed, Difference: d}, takeAttributes(t, n, a)
}

// isExisting reports whether a node was there before the load that is merged.
func (t *tx) isExisting(n *Node) bool {
	first := t.settings.Merge.First
	return first > 0 && (n.Ino < first || n.Flags&Adopted != 0)
}

// isClean reports whether the container has what there is of a node.
func (n *Node) isClean() bool { return n.State == Done || n.State == Remote }

// countFound counts a node of the namespace that a merge changes.
func (t *tx) countFound(before, n *Node) {
	if before.isClean() && !n.isClean() && n.State != Removed && t.isExisting(n) {
		t.ledger.FoundInodes++
		t.ledger.FoundBytes += contentBytes(&n.Attr)
	}
}
