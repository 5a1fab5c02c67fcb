package compression_test

import (
	"bytes"
	"testing"

	"clfsload/clfs/clfstest"
	"clfsload/clfs/compression"
)

func FuzzUnpack(f *testing.F) {
	for _, kind := range clfstest.Seeds(f) {
		for _, s := range kind {
			f.Add(s.Blob)
		}
	}
	f.Add(lz4Blob("\x50hello", "\x11 \x06\x00\x10."))
	f.Fuzz(func(t *testing.T, blob []byte) {
		const limit = 1 << 20
		payload, c, err := compression.Unpack(blob, limit)
		if err != nil {
			return
		}
		if len(payload) > limit || len(payload) > 255*len(blob) {
			t.Fatalf("%d bytes from %d", len(payload), len(blob))
		}
		packed := compression.Pack(nil, payload, c)
		if c == compression.None && !bytes.Equal(packed, blob) {
			t.Fatalf("packed again: %x, want %x", packed, blob)
		}
		again, _, err := compression.Unpack(packed, limit)
		if err != nil || !bytes.Equal(again, payload) {
			t.Fatalf("packed and unpacked: %x, %v, want %x", again, err, payload)
		}
	})
}
