package blobs

import (
	"golang.org/x/sys/unix"

	"clfsload/clfs"
	"clfsload/clfs/object"
	"clfsload/state"
)

// Attr converts attributes for the container; Nlink is left to the caller.
func (s *Store) Attr(path PathFunc, in state.Inode, a state.Attr) object.Attr {
	settings := &s.journal.Settings
	out := object.Attr{
		Mode:        a.Mode,
		Type:        a.Type,
		UID:         a.UID,
		GID:         a.GID,
		Size:        contentSize(a),
		FSID:        uint64(settings.FSID),
		FileID:      a.Ino,
		RdevMajor:   unix.Major(a.Rdev),
		RdevMinor:   unix.Minor(a.Rdev),
		ContainerID: uint64(settings.ContainerID),
	}
	out.Used = out.Size
	clamped := false
	for _, t := range []struct {
		to   *clfs.Time
		from int64
	}{{&out.Mtime, a.Mtime}, {&out.Ctime, a.Ctime}, {&out.Atime, a.Atime}} {
		var c bool
		*t.to, c = clfs.NewTime(state.SplitNanoseconds(t.from))
		clamped = clamped || c
	}
	if clamped && s.warning != nil {
		s.warning(path(), "a time before 1970 or after 2106 was set to the nearest that CLFS can hold")
	}
	return out
}

// Stamp gives an inode the attributes, the name and the links of a node. What the
// journal knows nothing of stays.
func (s *Store) Stamp(o *object.Inode, path PathFunc, n state.Node, back []clfs.ID) {
	before := o.Attr
	o.Attr = s.Attr(path, n.Inode, n.Attr)
	o.Attr.Flags, o.Attr.Dtime, o.Attr.Reserved3, o.Attr.Reserved92 = before.Flags, before.Dtime, before.Reserved3, before.Reserved92
	if n.Flags&state.Adopted != 0 {
		o.Attr.FSID, o.Attr.FileID, o.Attr.ContainerID = before.FSID, before.FileID, before.ContainerID
	}
	o.Attr.Nlink = uint32(len(back))
	o.Name, o.BackPointers = n.Name, back
}

// contentSize is the size attribute: bytes of a file or link target, otherwise 0.
func contentSize(a state.Attr) uint64 {
	if a.Type == clfs.TypeRegular || a.Type == clfs.TypeSymlink {
		return uint64(a.Size)
	}
	return 0
}

// CtimeSeconds is the time of change as records of segments have it.
func CtimeSeconds(a state.Attr) uint32 {
	t, _ := clfs.NewTime(state.SplitNanoseconds(a.Ctime))
	return t.Sec
}
