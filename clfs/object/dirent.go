package object

// Directory entries stand back to back (docs/clfs-format.md sections 3, 5):
//
//	u32 name length | name | u16 handle length | handle
//
// "." in an ordinary directory takes 4 + 1 + 2 + 24 = 31 bytes, ".." of a
// directory right under the root 4 + 2 + 2 + 16 = 24.

import (
	"encoding/binary"
	"iter"

	"clfsload/clfs"
)

// A Dirent is one entry of a directory: a name, which is never empty, and the
// id of what it names.
type Dirent struct {
	Name []byte
	ID   clfs.ID
}

// DirentSize is the length in bytes of an entry.
func DirentSize(nameLen, idLen int) int { return 4 + nameLen + 2 + idLen }

// DirentFits reports whether an entry of size bytes goes into a segment that has
// used bytes of entries, or begins the next one. The first segment, which is in
// the inode, takes [clfs.FirstDirentBytes], each further one [clfs.DirSegmentBytes]
// (docs/clfs-format.md section 5).
func DirentFits(first bool, used, size int) bool {
	if first {
		return used+size <= clfs.FirstDirentBytes
	}
	return used+size <= clfs.DirSegmentBytes
}

// AppendDirent appends an entry. The caller asks [DirentFits] before.
func AppendDirent(dst []byte, name []byte, id clfs.ID) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(name)))
	dst = append(dst, name...)
	return appendID(dst, id)
}

// Dirents iterates over the entries of one segment. Names alias raw. It stops
// after the first error, a [clfs.FormatError] with the offset in raw.
func Dirents(raw []byte) iter.Seq2[Dirent, error] {
	return func(yield func(Dirent, error) bool) {
		for c := (cursor{b: raw}); c.remaining() > 0; {
			name := c.bytes()
			if c.err == nil && len(name) == 0 {
				c.failf("entry without a name")
			}
			d := Dirent{Name: name, ID: c.id()}
			if c.err != nil {
				yield(Dirent{}, c.err)
				return
			}
			if !yield(d, nil) {
				return
			}
		}
	}
}
