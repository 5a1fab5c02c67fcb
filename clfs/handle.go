package clfs

// A filehandle is the id of every inode but the root (docs/clfs-format.md
// section 1):
//
//	 0  4  containerid << 5 | 0x11
//	 4  1  directory-manager id of the parent directory
//	 5  1  directory-manager id of the object
//	 6  1  file type, in a numbering of its own
//	 7  1  0
//	 8  8  sequence number
//	16  8  random
//	24

import (
	"encoding/binary"
	"fmt"
)

const (
	// FirstSequence is the lowest sequence number of a filehandle.
	FirstSequence = 1000
	// DefaultDirMgrCount is how many directory managers take new directories
	// in turn.
	DefaultDirMgrCount = 48
	// ContainerIDMask is for the bits of a container id that a filehandle has.
	ContainerIDMask = 0x07ffffff

	handleBytes       = 24
	handleDirMgrAt    = 5
	handleVersionBits = 0x11 // version 1, local 1
)

// A Handle is a filehandle taken apart.
type Handle struct {
	ContainerID  uint32 // its low 27 bits; the handle has no room for more
	DirMgrSource uint8  // of the parent directory
	DirMgrTarget uint8  // of the object
	Type         Type   // one of the seven file types
	Sequence     uint64
	Random       uint64
}

// handleTypes gives the number that a filehandle has for each Type.
var handleTypes = [...]byte{
	TypeRegular: 2, TypeDirectory: 1, TypeBlock: 4, TypeChar: 5,
	TypeSymlink: 3, TypeSocket: 6, TypeFIFO: 7,
}

// ID puts the handle together, 24 bytes.
func (h Handle) ID() ID {
	var b [handleBytes]byte
	binary.LittleEndian.PutUint32(b[0:], h.ContainerID&ContainerIDMask<<5|handleVersionBits)
	b[4] = h.DirMgrSource
	b[handleDirMgrAt] = h.DirMgrTarget
	if h.Type.IsFile() {
		b[6] = handleTypes[h.Type]
	}
	binary.LittleEndian.PutUint64(b[8:], h.Sequence)
	binary.LittleEndian.PutUint64(b[16:], h.Random)
	return ID(b[:])
}

// ParseHandle takes a 24-byte filehandle apart. ContainerID comes back with
// its low 27 bits.
func ParseHandle(id ID) (Handle, error) {
	if len(id) != handleBytes {
		return Handle{}, fmt.Errorf("parse handle %s: %d bytes, want %d", id, len(id), handleBytes)
	}
	b := []byte(id)
	first := binary.LittleEndian.Uint32(b)
	h := Handle{
		ContainerID:  first >> 5,
		DirMgrSource: b[4],
		DirMgrTarget: b[handleDirMgrAt],
		Sequence:     binary.LittleEndian.Uint64(b[8:]),
		Random:       binary.LittleEndian.Uint64(b[16:]),
	}
	if first&0x1f != handleVersionBits || b[7] != 0 {
		return Handle{}, fmt.Errorf("parse handle %s: not a version 1 filehandle", id)
	}
	for t := TypeRegular; t <= TypeFIFO; t++ {
		if handleTypes[t] == b[6] {
			h.Type = t
			return h, nil
		}
	}
	return Handle{}, fmt.Errorf("parse handle %s: unknown file type %d", id, b[6])
}

// DirMgr is the directory-manager id in a filehandle, 0 in any other id, the
// root's among them.
func (id ID) DirMgr() uint8 {
	if len(id) != handleBytes {
		return 0
	}
	return id[handleDirMgrAt]
}

// NewHandle makes the filehandle of a new object of type t in the directory
// parent. dirMgrTarget counts for directories only; anything else has its
// parent's. The random part is derived from the key and seq, which must be
// unique in the container and not below [FirstSequence]: the same arguments
// give the same handle.
func NewHandle(key Key, containerID uint32, parent ID, t Type, dirMgrTarget uint8, seq uint64) ID {
	h := Handle{ContainerID: containerID, DirMgrSource: parent.DirMgr(), DirMgrTarget: dirMgrTarget, Type: t, Sequence: seq}
	if t != TypeDirectory {
		h.DirMgrTarget = h.DirMgrSource
	}
	for attempt := uint64(0); ; attempt++ {
		sum := key.mac(useHandle, "", seq, attempt, 0)
		h.Random = binary.LittleEndian.Uint64(sum[:])
		// A handle whose FNV-1 is 0 is not allowed (section 1).
		if id := h.ID(); h.Random != 0 && FNV1(id) != 0 {
			return id
		}
	}
}
