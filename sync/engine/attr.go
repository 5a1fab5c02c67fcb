package engine

import (
	"golang.org/x/sys/unix"

	"clfsload/clfs"
	"clfsload/state"
)

// attr converts attributes for the container; Nlink is left to the caller.
func (e *Engine) attr(path pathOf, in state.Inode, a state.Attr) clfs.Attr {
	s := &e.journal.Settings
	out := clfs.Attr{
		Mode:        a.Mode,
		Type:        a.Type,
		UID:         a.UID,
		GID:         a.GID,
		Size:        contentSize(a),
		FSID:        uint64(s.FSID),
		FileID:      a.Ino,
		RdevMajor:   unix.Major(a.Rdev),
		RdevMinor:   unix.Minor(a.Rdev),
		ContainerID: uint64(s.ContainerID),
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
	if clamped && e.events.Warning != nil {
		e.events.Warning(path(), "a time before 1970 or after 2106 was set to the nearest that CLFS can hold")
	}
	return out
}

// contentSize is the size attribute: bytes of a file or link target, otherwise 0.
func contentSize(a state.Attr) uint64 {
	if a.Type == clfs.TypeRegular || a.Type == clfs.TypeSymlink {
		return uint64(a.Size)
	}
	return 0
}

func ctimeSeconds(a state.Attr) uint32 {
	t, _ := clfs.NewTime(state.SplitNanoseconds(a.Ctime))
	return t.Sec
}
