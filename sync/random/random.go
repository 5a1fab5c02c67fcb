package random

import (
	"crypto/rand"
	"encoding/binary"

	"github.com/google/uuid"

	"clfsload/clfs"
)

// ID draws a number from 1 to 2^32-1.
func ID() uint32 {
	for {
		var b [4]byte
		rand.Read(b[:])
		if n := binary.LittleEndian.Uint32(b[:]); n != 0 {
			return n
		}
	}
}

func UUID() string { return uuid.NewString() }

func Key() (k clfs.Key) {
	rand.Read(k[:])
	return k
}
