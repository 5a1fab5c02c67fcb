package compression

// A blob is a header and a payload (docs/clfs-format.md section 3):
//
//	0  2  encryption: 0
//	2  2  compression: 0 none, 1 LZ4
//	4     payload, or an LZ4 frame that holds it
//
// The frame, magic and descriptor being always the same 7 bytes:
//
//	04 22 4D 18 | 40 50 77 | u32 length | block | ... | 00 00 00 00
//
// Every block holds 262144 bytes of payload, the last what is left. A full data
// segment has 8388696 = 32 * 262144 + 88 bytes, so 33 blocks, and takes 11 + 33
// * 4 bytes beside them.

import (
	"encoding/binary"
	"fmt"
	"slices"
	"sync"

	"github.com/pierrec/lz4/v4"
)

// A Method is how a payload is stored in its blob.
type Method uint16

const (
	None Method = 0
	LZ4  Method = 1
)

// String is the name that CLFSLoad has for it: LZ4 or DISABLED.
func (c Method) String() string {
	switch c {
	case None:
		return "DISABLED"
	case LZ4:
		return "LZ4"
	}
	return fmt.Sprintf("compression %d", uint16(c))
}

const (
	blobHeaderBytes = 4
	frameHeader     = "\x04\x22\x4D\x18\x40\x50\x77"
	frameBlockBytes = 262144
	lengthBytes     = 4 // in front of a block, and the end mark

	// smallBlock is up to where a block that did not shrink is tried with the
	// slower compressor. The fast one looks at three of four places of a short
	// input: of 2,000 full segments of Go source it left 1,884 last blocks, of
	// 88 bytes, as they were, and the slower one none. Above this size that
	// was never seen.
	smallBlock = 4096
	slowLevel  = lz4.Level9
)

var (
	fastCompressors = sync.Pool{New: func() any { return new(lz4.Compressor) }}
	slowCompressors = sync.Pool{New: func() any { return &lz4.CompressorHC{Level: slowLevel} }}
)

// Bound is the capacity that [Pack] may need for n bytes of payload.
func Bound(n int) int {
	blocks := (n + frameBlockBytes - 1) / frameBlockBytes
	return blobHeaderBytes + len(frameHeader) + n + lengthBytes*(blocks+1)
}

// Pack appends the bytes of a blob to dst: the payload compressed as asked, or
// uncompressed if one of its blocks does not shrink or the whole does not,
// which the service could not read otherwise. It allocates only when dst has
// less than [Bound] of room.
func Pack(dst, payload []byte, c Method) []byte {
	dst = slices.Grow(dst, Bound(len(payload)))
	if c == LZ4 {
		if packed, ok := appendFrame(appendBlobHeader(dst, LZ4), payload); ok {
			return packed
		}
	}
	return append(appendBlobHeader(dst, None), payload...)
}

func appendBlobHeader(dst []byte, c Method) []byte {
	dst = append(dst, 0, 0)
	return binary.LittleEndian.AppendUint16(dst, uint16(c))
}

// appendFrame fails when a block does not shrink or the frame would be larger
// than the payload. dst has room for [Bound].
func appendFrame(dst, payload []byte) (frame []byte, ok bool) {
	fast := fastCompressors.Get().(*lz4.Compressor)
	defer fastCompressors.Put(fast)
	limit := len(dst) + len(payload)
	dst = append(dst, frameHeader...)
	for rest := payload; len(rest) > 0; {
		block := rest[:min(len(rest), frameBlockBytes)]
		rest = rest[len(block):]
		start := len(dst) + lengthBytes
		room := dst[start : start+len(block)-1]
		n := compressBlock(fast, room, block)
		if n == 0 {
			return nil, false
		}
		dst = binary.LittleEndian.AppendUint32(dst, uint32(n))
		dst = dst[:start+n]
	}
	dst = append(dst, 0, 0, 0, 0)
	return dst, len(dst) <= limit
}

// compressBlock returns 0 if the block does not fit into room, which is one
// byte shorter than it.
func compressBlock(fast *lz4.Compressor, room, block []byte) int {
	if n, err := fast.CompressBlock(block, room); err == nil && n > 0 {
		return n
	}
	if len(block) > smallBlock {
		return 0
	}
	slow := slowCompressors.Get().(*lz4.CompressorHC)
	defer slowCompressors.Put(slow)
	n, err := slow.CompressBlock(block, room)
	if err != nil {
		return 0
	}
	return n
}
