package scan

import (
	"golang.org/x/sys/unix"

	"clfsload/clfs"
	"clfsload/state"
)

// attrOf converts the result of stat(2). The error is that of clfs.TypeOfMode: CLFS does not know
// the type of the entry.
//
// The device is 0 for the file system of the root: its number may change with the next mount of
// that file system, and then not all entries have changed.
func (t *Tree) attrOf(st *unix.Stat_t) (state.Attr, error) {
	typ, err := clfs.TypeOfMode(st.Mode)
	if err != nil {
		return state.Attr{}, err
	}
	a := state.Attr{
		Type:  typ,
		Mode:  st.Mode,
		UID:   st.Uid,
		GID:   st.Gid,
		Size:  st.Size,
		Mtime: state.Nanoseconds(st.Mtim.Sec, st.Mtim.Nsec),
		Ctime: state.Nanoseconds(st.Ctim.Sec, st.Ctim.Nsec),
		Atime: state.Nanoseconds(st.Atim.Sec, st.Atim.Nsec),
		Dev:   st.Dev - t.dev,
		Ino:   st.Ino,
		Nlink: uint64(st.Nlink),
	}
	if typ == clfs.TypeBlock || typ == clfs.TypeChar {
		a.Rdev = st.Rdev
	}
	return a, nil
}
