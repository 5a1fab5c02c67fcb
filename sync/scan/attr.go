package scan

import (
	"golang.org/x/sys/unix"

	"clfsload/clfs"
	"clfsload/state"
)

// attrOf converts what stat(2) said. The error is that of clfs.TypeOfMode: the
// entry is of a type that CLFS does not know.
//
// The device is 0 for the file system of the root: its number may be another after
// it was mounted again, which must not look as if everything had changed.
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
