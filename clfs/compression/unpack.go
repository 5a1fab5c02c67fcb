package compression

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/pierrec/lz4/v4"

	"clfsload/clfs"
)

// dictBytes of what was decompressed before is what a linked block can refer
// back to.
const dictBytes = 65536

// ErrEncrypted is wrapped by the error of [Unpack] for an object that the
// service encrypted. The key is not in the container, so it cannot be read
// (docs/clfs-format.md section 8).
var ErrEncrypted = errors.New("the object is encrypted and its key is not in the container")

// encryptionNames are the values of the blob's first field.
var encryptionNames = [...]string{1: "AES-256-CBC with HMAC-SHA-256", 2: "AES-256-CBC with HMAC-SHA-512"}

// Unpack gives the payload in a blob. An uncompressed one aliases blob. A
// payload above maxPayload bytes is refused before anything is allocated for
// it, as is a frame that does not decompress to what its blocks say. An
// encrypted object gives [ErrEncrypted], anything else a [clfs.FormatError] with the
// offset in blob.
func Unpack(blob []byte, maxPayload int) (payload []byte, c Method, err error) {
	if len(blob) < blobHeaderBytes {
		return nil, 0, clfs.FormatErrorf(0, "blob of %d bytes, its header has %d", len(blob), blobHeaderBytes)
	}
	encryption := binary.LittleEndian.Uint16(blob)
	c = Method(binary.LittleEndian.Uint16(blob[2:]))
	switch {
	case encryption > 0 && int(encryption) < len(encryptionNames):
		return nil, 0, fmt.Errorf("%s: %w", encryptionNames[encryption], ErrEncrypted)
	case encryption != 0:
		return nil, 0, clfs.FormatErrorf(0, "unknown encryption %d", encryption)
	case c == LZ4:
		payload, err = unpackFrame(blob, maxPayload)
		return payload, c, err
	case c != None:
		return nil, 0, clfs.FormatErrorf(2, "unknown compression %d", c)
	}
	payload = blob[blobHeaderBytes:]
	if len(payload) > maxPayload {
		return nil, 0, clfs.FormatErrorf(blobHeaderBytes, "payload of %d bytes, at most %d", len(payload), maxPayload)
	}
	return payload, c, nil
}

// unpackFrame decompresses in two passes: the first adds up what every block
// will give, so that the second writes into memory of exactly that size.
func unpackFrame(blob []byte, maxPayload int) ([]byte, error) {
	size, err := frameSize(blob, maxPayload)
	if err != nil {
		return nil, err
	}
	payload, done := make([]byte, size), 0
	for pos := blobHeaderBytes + len(frameHeader); ; {
		n := int(binary.LittleEndian.Uint32(blob[pos:]))
		if n == 0 {
			break
		}
		pos += lengthBytes
		dict := payload[max(0, done-dictBytes):done]
		out := payload[done:min(size, done+frameBlockBytes)]
		got, err := lz4.UncompressBlockWithDict(blob[pos:pos+n], out, dict)
		if err != nil {
			return nil, clfs.FormatErrorf(pos, "damaged LZ4 block: %v", err)
		}
		pos, done = pos+n, done+got
	}
	if done != size {
		return nil, clfs.FormatErrorf(blobHeaderBytes, "LZ4 frame gives %d bytes, its blocks announce %d", done, size)
	}
	return payload, nil
}

// frameSize checks the frame around its blocks and the lengths inside them. It
// is the size of the payload.
func frameSize(blob []byte, maxPayload int) (size int, err error) {
	pos := blobHeaderBytes
	if rest := blob[pos:]; len(rest) < len(frameHeader) || string(rest[:len(frameHeader)]) != frameHeader {
		return 0, clfs.FormatErrorf(pos, "LZ4 frame starts with %x, want %x", rest[:min(len(rest), len(frameHeader))], frameHeader)
	}
	pos += len(frameHeader)
	for {
		if len(blob)-pos < lengthBytes {
			return 0, clfs.FormatErrorf(pos, "LZ4 frame without an end mark")
		}
		n := binary.LittleEndian.Uint32(blob[pos:])
		pos += lengthBytes
		if n == 0 {
			break
		}
		if uint64(n) > uint64(len(blob)-pos) {
			return 0, clfs.FormatErrorf(pos-lengthBytes, "LZ4 block of %d bytes (with the top bit: stored), %d left", n, len(blob)-pos)
		}
		out, err := blockSize(blob[pos:pos+int(n)], pos, size)
		if err != nil {
			return 0, err
		}
		if size += out; size > maxPayload {
			return 0, clfs.FormatErrorf(pos, "payload above %d bytes", maxPayload)
		}
		pos += int(n)
	}
	if pos != len(blob) {
		return 0, clfs.FormatErrorf(pos, "%d bytes after the LZ4 frame", len(blob)-pos)
	}
	return size, nil
}
