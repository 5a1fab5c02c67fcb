package random

import (
	"crypto/rand"
	"encoding/binary"

	"github.com/google/uuid"

	"clfsload/clfs"
	"clfsload/state"
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

func key() (k clfs.Key) {
	rand.Read(k[:])
	return k
}

// Draw sets the random values of a container.
func Draw(s *state.Settings) {
	s.ContainerID, s.FSID = ID(), ID()
	s.BucketUUID, s.MassUUID, s.WipeUUID = UUID(), UUID(), UUID()
	s.Key = key()
}
