package clfs

import "fmt"

// A Type says what an object is; Avere calls it btype. It stands in blob names
// and in attributes (docs/clfs-format.md section 2).
type Type uint16

const (
	TypeRegular   Type = 1
	TypeDirectory Type = 2
	TypeBlock     Type = 3
	TypeChar      Type = 4
	TypeSymlink   Type = 5
	TypeSocket    Type = 6
	TypeFIFO      Type = 7
	TypeSegment   Type = 8
	TypeIndirect  Type = 9
	TypeTombstone Type = 10 // the service's mark for a deleted object
	TypeSpecial   Type = 11 // the bucket object and other service state
	TypeHardLink  Type = 12 // in names only: an inode with several back pointers
)

var typeNames = [...]string{
	TypeRegular: "regular file", TypeDirectory: "directory", TypeBlock: "block device",
	TypeChar: "character device", TypeSymlink: "symbolic link", TypeSocket: "socket",
	TypeFIFO: "fifo", TypeSegment: "segment", TypeIndirect: "indirect block",
	TypeTombstone: "tombstone", TypeSpecial: "special object", TypeHardLink: "hard link",
}

// String names the type in words.
func (t Type) String() string {
	if int(t) < len(typeNames) && t != 0 {
		return typeNames[t]
	}
	return fmt.Sprintf("type %d", uint16(t))
}

// IsInode reports whether objects of this type are inodes, as seen in a blob's
// name: the seven file types and [TypeHardLink].
func (t Type) IsInode() bool { return t.IsFile() || t == TypeHardLink }

// IsFile reports whether the type is one of the seven that attributes and filehandles
// can have, [TypeRegular] to [TypeFIFO].
func (t Type) IsFile() bool { return t >= TypeRegular && t <= TypeFIFO }

// modeTypeMask covers the file type bits of st_mode.
const modeTypeMask = 0o170000

var typeModes = [...]uint32{
	TypeRegular: 0o100000, TypeDirectory: 0o040000, TypeBlock: 0o060000, TypeChar: 0o020000,
	TypeSymlink: 0o120000, TypeSocket: 0o140000, TypeFIFO: 0o010000,
}

// ModeBits is the file type as it stands in st_mode, 0 for what is no file.
func (t Type) ModeBits() uint32 {
	if t.IsFile() {
		return typeModes[t]
	}
	return 0
}

// TypeOfMode gives the type for the file type bits of st_mode. It fails for
// bits that no Linux file has.
func TypeOfMode(mode uint32) (Type, error) {
	for t := TypeRegular; t <= TypeFIFO; t++ {
		if typeModes[t] == mode&modeTypeMask {
			return t, nil
		}
	}
	return 0, fmt.Errorf("mode %#o: unknown file type", mode)
}
