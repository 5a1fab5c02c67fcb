package compression_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/pierrec/lz4/v4"

	"clfsload/clfs"
	"clfsload/clfs/clfstest"
	"clfsload/clfs/compression"
	"clfsload/clfs/object"
)

func TestEveryGoldenPayloadComesBackFromABlob(t *testing.T) {
	for _, container := range clfstest.Containers {
		clfstest.EachBlob(t, container, func(base string, blob []byte) {
			payload, _, err := compression.Unpack(blob, object.MaxSegmentPayload)
			if err != nil {
				t.Fatal(clfs.WithObject(err, base))
			}
			checkGoldenPacking(t, base, payload)
		})
	}
}

func checkGoldenPacking(t *testing.T, base string, payload []byte) {
	t.Helper()
	for _, c := range []compression.Method{compression.None, compression.LZ4} {
		got, _, err := compression.Unpack(compression.Pack(nil, payload, c), object.MaxSegmentPayload)
		if err != nil || !bytes.Equal(got, payload) {
			t.Errorf("%s: packed with compression %d and unpacked: %v, %d bytes of %d", base, c, err, len(got), len(payload))
		}
	}
}

func TestUnpackReadsTrulyLinkedFrames(t *testing.T) {
	linked := 0
	clfstest.EachBlob(t, clfstest.Containers[0], func(base string, blob []byte) {
		payload, c, err := compression.Unpack(blob, object.MaxSegmentPayload)
		if err != nil {
			t.Fatal(clfs.WithObject(err, base))
		}
		if c == compression.LZ4 && len(payload) > 1<<18 && anyBlockRefersBack(blob) {
			linked++
		}
	})
	if linked < 3 {
		t.Errorf("%d blobs with linked blocks: too few to say anything", linked)
	}
}

// anyBlockRefersBack tells whether a frame has a block that cannot be
// decompressed without the one before.
func anyBlockRefersBack(blob []byte) bool {
	for pos := 4 + 7; ; {
		length := int(binary.LittleEndian.Uint32(blob[pos:]))
		if length == 0 {
			return false
		}
		pos += 4
		if _, err := lz4.UncompressBlock(blob[pos:pos+length], make([]byte, 1<<18)); err != nil {
			return true
		}
		pos += length
	}
}
