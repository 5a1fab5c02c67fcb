package schema

import (
	"math"

	"clfsload/clfs"
)

// Ino numbers an inode: the sequence number of its handle, or RootIno.
type Ino uint64

// RootIno is the root directory. Other inodes have clfs.FirstSequence or more.
const RootIno Ino = 1

// State is where an inode stands; see the package comment.
type State int

const (
	Linking State = iota // found in the source, which may have further names of it
	Done                 // its blobs are in the container; 1 takes no byte in a row
	Held                 // a directory that the next publication puts
	Queued               // ready to be uploaded
	Failed               // not tried until RetryFailures; see the failure table
	Dirty                // changed in the mount, and open or not settled
	Sealed               // published before; its contents are up, its inode waits for the next publication
	Removed              // without a name: to be forgotten once its blobs are deleted
	Remote               // known by id and name: its attributes are in the container alone
)

// Attr is what lstat said of a source entry, in its own units.
type Attr struct {
	Type  clfs.Type
	Mode  uint32 // st_mode with the type bits
	UID   uint32
	GID   uint32
	Size  int64 // bytes
	Mtime int64 // times: nanoseconds since 1970, saturating
	Ctime int64
	Atime int64
	Dev   uint64 // st_dev
	Ino   uint64 // st_ino
	Rdev  uint64 // st_rdev, 0 for what is no device
	Nlink uint64 // st_nlink
}

// Nanoseconds packs a time. What lies outside of the years 1678 to 2262 becomes
// the nearest end: CLFS cannot hold it either.
func Nanoseconds(sec, nsec int64) int64 {
	const limit = math.MaxInt64/1_000_000_000 - 1
	switch {
	case sec > limit:
		return math.MaxInt64
	case sec < -limit:
		return math.MinInt64
	}
	return sec*1e9 + nsec
}

// SplitNanoseconds is the inverse: whole seconds, rounded down, and the rest.
func SplitNanoseconds(t int64) (sec, nsec int64) {
	sec, nsec = t/1e9, t%1e9
	if nsec < 0 {
		sec, nsec = sec-1, nsec+1e9
	}
	return sec, nsec
}

// SameContents reports whether nothing that a write, a truncation or a
// replacement changes differs. The device may have another number since it was mounted again.
func (a Attr) SameContents(b Attr) bool {
	return a.Type == b.Type && a.Ino == b.Ino &&
		a.Size == b.Size && a.Mtime == b.Mtime && a.Ctime == b.Ctime
}

// Inode is a row: an object of the container.
type Inode struct {
	Ino    Ino
	Parent Ino    // the directory of its first name
	Name   []byte // its first name; the root's is Settings.RootName
	ID     clfs.ID
	State  State
	Attr   Attr
	Links  uint32 // names known; of a directory 2 and one for each directory in it
	Target []byte // of a symbolic link
}

const InodeColumns = `ino, parent, name, handle, state, type, mode, uid, gid, size, mtime, ctime, atime, fileid, rdev, links, target`

// Scan reads a row of InodeColumns, and what more is asked for behind them.
func (in *Inode) Scan(row Scanner, more ...any) error {
	var id []byte
	var fileid, rdev int64 // sqlite has signed integers only
	a := &in.Attr
	err := row.Scan(append([]any{&in.Ino, &in.Parent, &in.Name, &id, &in.State, &a.Type, &a.Mode, &a.UID, &a.GID, &a.Size,
		&a.Mtime, &a.Ctime, &a.Atime, &fileid, &rdev, &in.Links, &in.Target}, more...)...)
	in.ID = clfs.ID(id)
	in.setOrigin(fileid, rdev)
	return err
}

// setOrigin sets what the attributes take from columns of their own: the inode number in the
// source, or in the journal if it comes from none.
func (in *Inode) setOrigin(fileid, rdev int64) {
	a := &in.Attr
	a.Ino, a.Rdev, a.Nlink = uint64(fileid), uint64(rdev), uint64(in.Links)
	if fileid == 0 {
		a.Ino = uint64(in.Ino)
	}
}

// FileID is the inode number in the source; 0: it comes from none.
func (in *Inode) FileID() int64 {
	if in.Attr.Ino == uint64(in.Ino) {
		return 0
	}
	return int64(in.Attr.Ino)
}
