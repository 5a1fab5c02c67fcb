package export

import (
	"fmt"
	"math"
	"os"

	"golang.org/x/sys/unix"

	"clfsload/clfs"
	"clfsload/clfs/object"
)

// rights are the attributes that the system lets the exporting user restore. Root restores
// everything. Any other user owns the new files, and may give them to the user's groups.
type rights struct {
	owners bool // any owner and group
	uid    uint32
	groups map[uint32]bool
}

func newRights(owners bool) (rights, error) {
	r := rights{owners: owners, uid: uint32(os.Geteuid()), groups: map[uint32]bool{uint32(os.Getegid()): true}}
	groups, err := os.Getgroups()
	for _, g := range groups {
		r.groups[uint32(g)] = true
	}
	return r, err
}

func (r *rights) owner(uid uint32) bool { return r.owners || uid == r.uid }

func (r *rights) group(gid uint32) bool { return r.owners || r.groups[gid] }

// mode is a's mode without set-id bits that would give the rights of an owner or group other than
// a's own.
func (r *rights) mode(a object.Attr) uint32 {
	mode := a.Mode & 0o7777
	if !r.owner(a.UID) {
		mode &^= unix.S_ISUID
	}
	if !r.group(a.GID) {
		mode &^= unix.S_ISGID
	}
	return mode
}

// isRestored reports whether st has the owner, group and mode that set gives. uid owns files that
// this user makes. Files in the destination without these attributes do not come from an export.
func (r *rights) isRestored(st *status, a object.Attr, uid uint32) bool {
	if r.owners {
		uid = a.UID
	}
	if st.Uid != uid {
		return false
	}
	if r.group(a.GID) && st.Gid != a.GID {
		return false
	}
	return a.Type == clfs.TypeSymlink || st.permissions() == r.mode(a)
}

// set sets owner, times and mode of the file of fd, in this order: a change of owner clears the
// set-id bits, and the mode may forbid to enter a directory.
func (r *rights) set(fd int, a object.Attr) error {
	if err := r.setOwner(fd, a); err != nil {
		return err
	}
	path := fdPath(fd)
	if err := unix.UtimesNanoAt(unix.AT_FDCWD, path, []unix.Timespec{timespec(a.Atime), timespec(a.Mtime)}, 0); err != nil {
		return fmt.Errorf("set times: %w", err)
	}
	if a.Type == clfs.TypeSymlink {
		return nil
	}
	mode := r.mode(a)
	if err := unix.Chmod(path, mode); err != nil {
		return fmt.Errorf("set mode %04o: %w", mode, err)
	}
	return nil
}

func (r *rights) setOwner(fd int, a object.Attr) error {
	uid, gid := -1, -1
	if r.owners {
		uid = int(a.UID)
	}
	if r.group(a.GID) {
		gid = int(a.GID)
	}
	if uid == -1 && gid == -1 {
		return nil
	}
	if uid == math.MaxUint32 || gid == math.MaxUint32 {
		return fmt.Errorf("set owner %d:%d: no account can have this number", a.UID, a.GID)
	}
	if err := unix.Fchownat(fd, "", uid, gid, unix.AT_EMPTY_PATH); err != nil {
		return fmt.Errorf("set owner %d:%d: %w", a.UID, a.GID, err)
	}
	return nil
}

// narrow removes from an existing directory the permissions that it will not have in the end,
// before the export fills it, so that contents that are protected in the container are never open
// here. If the directory's owner will not be its final owner, it belongs to the exporting user from
// then on. That user may use it in any case.
func (r *rights) narrow(fd int, st *status, a object.Attr) error {
	if r.owners && st.Uid != r.uid && st.Uid != a.UID {
		if err := r.takeOver(fd); err != nil {
			return err
		}
		st.Uid = r.uid
	}
	const own = 0o700
	mode := st.permissions() & (a.Mode | 0o7000)
	if r.group(a.GID) && st.Gid != a.GID {
		mode &^= 0o070
	}
	if mode|own == st.permissions() {
		return nil
	}
	err := unix.Chmod(fdPath(fd), mode|own)
	if err == unix.EPERM && !r.owners {
		return nil // it belongs to another user, who may or may not let this user in
	}
	if err != nil {
		return fmt.Errorf("set mode %04o: %w", mode|own, err)
	}
	return nil
}

// takeOver makes the exporting user the owner of a directory. The access lists of the former owner
// end with that ownership.
func (r *rights) takeOver(fd int) error {
	if err := unix.Fchownat(fd, "", int(r.uid), -1, unix.AT_EMPTY_PATH); err != nil {
		return fmt.Errorf("take over from its owner: %w", err)
	}
	for _, list := range []string{"system.posix_acl_access", "system.posix_acl_default"} {
		err := unix.Removexattr(fdPath(fd), list)
		if err != nil && err != unix.ENODATA && err != unix.EOPNOTSUPP {
			return fmt.Errorf("remove the access list of its owner: %w", err)
		}
	}
	return nil
}
