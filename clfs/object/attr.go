package object

// The VATTR record holds what stat shows (docs/clfs-format.md section 3). Its
// body is the length 104 and then 104 bytes, which with the record header and
// padding are 128:
//
//	 0  2  mode            24  8  dtime           72  8  fileid
//	 2  1  type            32  8  mtime           80  8  rdev major, minor
//	 3  1  0               40  8  ctime           88  4  nlink
//	 4  4  flags           48  8  atime           92  4  0
//	 8  8  uid, gid        56  8  used            96  8  containerid
//	16  8  size            64  8  fsid           104

import (
	"encoding/binary"

	"clfsload/clfs"
)

const attrBytes = 104

// Attr is an inode's attributes.
type Attr struct {
	Mode  uint32    // st_mode with its file type bits; 16 bits are stored
	Type  clfs.Type // one of the seven file types
	Flags uint32    // 0 in what a loader writes

	UID, GID uint32
	Size     uint64 // bytes; of a directory, see docs/clfs-format.md section 5

	Dtime, Mtime, Ctime, Atime clfs.Time

	Used        uint64 // bytes; a loader writes Size
	FSID        uint64 // the container's
	FileID      uint64 // the source's inode number
	RdevMajor   uint32
	RdevMinor   uint32
	Nlink       uint32
	ContainerID uint64

	// Fields without a known meaning, 0 in what a loader writes, kept so that
	// a rewritten inode loses nothing.
	Reserved3  uint8
	Reserved92 uint32
}

func (a *Attr) append(dst []byte) []byte {
	le := binary.LittleEndian
	dst = le.AppendUint32(dst, attrBytes)
	dst = le.AppendUint16(dst, uint16(a.Mode))
	dst = append(dst, byte(a.Type), a.Reserved3)
	for _, v := range [...]uint32{a.Flags, a.UID, a.GID} {
		dst = le.AppendUint32(dst, v)
	}
	dst = le.AppendUint64(dst, a.Size)
	for _, t := range [...]clfs.Time{a.Dtime, a.Mtime, a.Ctime, a.Atime} {
		dst = le.AppendUint32(le.AppendUint32(dst, t.Sec), t.Nsec)
	}
	for _, v := range [...]uint64{a.Used, a.FSID, a.FileID} {
		dst = le.AppendUint64(dst, v)
	}
	for _, v := range [...]uint32{a.RdevMajor, a.RdevMinor, a.Nlink, a.Reserved92} {
		dst = le.AppendUint32(dst, v)
	}
	return le.AppendUint64(dst, a.ContainerID)
}

func decodeAttr(c *cursor) Attr {
	if n := c.u32(); n != attrBytes {
		c.failf("attributes of %d bytes, want %d", n, attrBytes)
	}
	a := Attr{Mode: uint32(c.u16()), Type: clfs.Type(c.u8()), Reserved3: c.u8(), Flags: c.u32()}
	if c.err == nil && !a.Type.IsFile() {
		c.failf("attributes of a %s", a.Type)
	}
	a.UID, a.GID, a.Size = c.u32(), c.u32(), c.u64()
	a.Dtime, a.Mtime, a.Ctime, a.Atime = c.time(), c.time(), c.time(), c.time()
	a.Used, a.FSID, a.FileID = c.u64(), c.u64(), c.u64()
	a.RdevMajor, a.RdevMinor = c.u32(), c.u32()
	a.Nlink, a.Reserved92 = c.u32(), c.u32()
	a.ContainerID = c.u64()
	return a
}
