package readonly

import (
	"math"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"clfsload/clfs"
	"clfsload/clfs/object"
)

// rootNumber is the inode number of the root directory.
const rootNumber = 1

// preferredRead is what readers are told to read at a time, in bytes.
const preferredRead = 1 << 20

// InodeNumber is the inode number under which an object is shown: the sequence
// number of its filehandle, which is unique in a container
// (docs/clfs-format.md section 1), 1 for the root, and a hash for ids of
// another kind.
func InodeNumber(id clfs.ID) uint64 {
	if id == clfs.RootID {
		return rootNumber
	}
	if h, err := clfs.ParseHandle(id); err == nil && usable(h.Sequence) {
		return h.Sequence
	}
	if n := id.Hash(); usable(n) {
		return n
	}
	return math.MaxUint64 - 1
}

// usable leaves out the numbers that have a meaning of their own.
func usable(n uint64) bool { return n > rootNumber && n < math.MaxUint64 }

// identity is how go-fuse knows an inode again. The hash in it keeps objects
// apart whose numbers are the same by accident or damage, and the version those that a
// publication has replaced: the kernel takes a new version for another inode, so
// that no open file gets pages of another version. A directory stays the same one: it may
// be the working directory of a process.
func identity(id clfs.ID, in *object.Inode, version uint64) fs.StableAttr {
	s := fs.StableAttr{Ino: InodeNumber(id), Gen: id.Hash(), Mode: in.Attr.Type.ModeBits() & unix.S_IFMT}
	if in.Attr.Type != clfs.TypeDirectory {
		s.Gen += version
	}
	return s
}

// rootIdentity is that of the root directory.
func rootIdentity() fs.StableAttr {
	return identity(clfs.RootID, &object.Inode{Attr: object.Attr{Type: clfs.TypeDirectory}}, 0)
}

// attributes are an inode's as the kernel wants them. A symbolic link's size is
// that of its target: CLFSLoad wrote it in characters, system calls want bytes.
func attributes(id clfs.ID, in *object.Inode) fuse.Attr {
	a := in.Attr
	if a.Type == clfs.TypeSymlink {
		a.Size = uint64(len(in.Data))
	}
	out := fuse.Attr{
		Ino: InodeNumber(id), Size: a.Size, Blocks: (used(a) + 511) / 512, Blksize: preferredRead,
		Mode: a.Type.ModeBits() | a.Mode&0o7777, Nlink: max(a.Nlink, 1), Owner: fuse.Owner{Uid: a.UID, Gid: a.GID},
	}
	out.Atime, out.Atimensec = uint64(a.Atime.Sec), a.Atime.Nsec
	out.Mtime, out.Mtimensec = uint64(a.Mtime.Sec), a.Mtime.Nsec
	out.Ctime, out.Ctimensec = uint64(a.Ctime.Sec), a.Ctime.Nsec
	if a.Type == clfs.TypeBlock || a.Type == clfs.TypeChar {
		out.Rdev = uint32(unix.Mkdev(a.RdevMajor, a.RdevMinor))
	}
	return out
}

// used is how many bytes an inode's contents take.
func used(a object.Attr) uint64 {
	if a.Type != clfs.TypeRegular && a.Type != clfs.TypeDirectory {
		return 0
	}
	if a.Used == 0 || a.Used > a.Size {
		return a.Size
	}
	return a.Used
}
