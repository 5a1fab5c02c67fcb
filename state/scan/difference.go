package scan

import (
	"bytes"

	"clfsload/clfs"
	"clfsload/state/schema"
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
	otherLink // the source has it as a link to another file
)

// needsReplacement are the differences that another inode has to make up for.
const needsReplacement = OtherType | OtherContents | otherLink

// timeTolerance is how far apart, in nanoseconds, two times may be that are the same: CLFSLoad
// has lost what is below a microsecond.
const timeTolerance = 1000

// differs compares a node that is of the type of the entry.
func differs(n *schema.Node, e *Entry, how schema.Comparison) (d Difference) {
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
func differentContents(a *schema.Attr, e *Entry, how schema.Comparison, d Difference) Difference {
	switch {
	case a.Size != e.Attr.Size:
		return OtherContents | OtherSize
	case how == schema.CompareTimes && d&OtherMtime != 0, how == schema.CompareContents && !e.SameContents:
		return OtherContents
	}
	return 0
}

// sameTime compares times as CLFS can hold them.
func sameTime(a, b int64) bool {
	fit := func(t int64) int64 {
		c, _ := clfs.NewTime(schema.SplitNanoseconds(t))
		return schema.Nanoseconds(int64(c.Sec), int64(c.Nsec))
	}
	return max(fit(a)-fit(b), fit(b)-fit(a)) <= timeTolerance
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
