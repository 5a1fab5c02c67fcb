package clfs

import (
	"crypto/sha256"
	"encoding/binary"
)

// A Key belongs to one container and makes its ids: a derived id is the same
// whenever it is asked for, so that a repeated upload overwrites the blob of
// the first, and yet nobody without the key can tell it from a random one. It
// is kept in the journal and never in the container.
type Key [32]byte

// The uses of a key; one byte of what is hashed, so that no two uses meet.
const (
	useHandle   = 'h'
	useSegment  = 's'
	useIndirect = 'i'
)

// SegmentID is the id of data segment index (from 0) of the object owner.
// generation tells apart the contents that a rewritten file had before: a
// file's first is 0.
func SegmentID(key Key, owner ID, generation, index uint64) ID {
	sum := key.mac(useSegment, owner, generation, index, 0)
	return uuidFrom(sum)
}

// IndirectID is the id of an indirect block of the object owner. index is its
// position, from 0, among the blocks of that tree (0 to 3) at that depth.
func IndirectID(key Key, owner ID, generation uint64, tree, depth int, index uint64) ID {
	sum := key.mac(useIndirect, owner, generation, index, uint64(tree)<<16|uint64(depth))
	return uuidFrom(sum)
}

// uuidFrom shapes the first 16 bytes of a hash as a version 4 UUID.
func uuidFrom(sum [sha256.Size]byte) ID {
	sum[6] = sum[6]&0x0f | 0x40
	sum[8] = sum[8]&0x3f | 0x80
	return ID(sum[:16])
}

// mac is HMAC-SHA-256 of the use, the subject and three numbers. It is written
// out because crypto/hmac allocates, and this runs once for every object.
func (key *Key) mac(use byte, subject ID, a, b, c uint64) [sha256.Size]byte {
	var text [sha256.BlockSize + 2 + MaxIDBytes + 3*8]byte
	msg := key.pad(text[:0], 0x36)
	msg = append(msg, use, byte(len(subject)))
	msg = append(msg, subject...)
	msg = binary.LittleEndian.AppendUint64(msg, a)
	msg = binary.LittleEndian.AppendUint64(msg, b)
	msg = binary.LittleEndian.AppendUint64(msg, c)
	inner := sha256.Sum256(msg)
	return sha256.Sum256(append(key.pad(text[:0], 0x5c), inner[:]...))
}

// pad appends HMAC's first block: the key, filled up with zeros, XOR with.
func (key *Key) pad(dst []byte, with byte) []byte {
	for _, b := range key {
		dst = append(dst, b^with)
	}
	for i := len(key); i < sha256.BlockSize; i++ {
		dst = append(dst, with)
	}
	return dst
}
