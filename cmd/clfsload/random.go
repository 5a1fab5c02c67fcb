package main

import (
	"crypto/rand"
	"encoding/binary"

	"github.com/google/uuid"

	"clfsload/clfs"
)

// randomID draws a number from 1 to 2^32-1.
func randomID() uint32 {
	for {
		var b [4]byte
		rand.Read(b[:])
		if n := binary.LittleEndian.Uint32(b[:]); n != 0 {
			return n
		}
	}
}

func randomUUID() string { return uuid.NewString() }

func randomKey() (k clfs.Key) {
	rand.Read(k[:])
	return k
}
