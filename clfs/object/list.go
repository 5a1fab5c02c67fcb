package object

// The pieces that several records are made of (docs/clfs-format.md section 3):
//
//	list      u32 count, then for each: u16 length | id
//	bytes     u32 length | bytes
//	EXTATTRS  u32 count, then for each key and value in turn: bytes
//
// A list of one filehandle takes 4 + 2 + 24 = 30 bytes, one of 4096 block ids
// 4 + 4096 * 18 = 73732.

import (
	"encoding/binary"

	"clfsload/clfs"
)

const (
	leastListEntry = 2 + 1 // the shortest id has one byte
	leastExtAttr   = 4 + 4 // an empty key and an empty value
)

// appendID appends an id behind its u16 length.
func appendID(dst []byte, id clfs.ID) []byte {
	dst = binary.LittleEndian.AppendUint16(dst, uint16(len(id)))
	return append(dst, id...)
}

func appendList(dst []byte, ids []clfs.ID) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(ids)))
	for _, id := range ids {
		dst = appendID(dst, id)
	}
	return dst
}

func appendBytes[T ~string | ~[]byte](dst []byte, b T) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(b)))
	return append(dst, b...)
}

func appendExtAttrs(dst []byte, attrs []ExtAttr) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(attrs)))
	for _, a := range attrs {
		dst = appendBytes(appendBytes(dst, a.Key), a.Value)
	}
	return dst
}

// count reads how many entries follow and checks that they can fit, so that
// nothing is allocated for entries that are not there.
func (c *cursor) count(leastEntry int) int {
	n := c.u32()
	if c.err == nil && uint64(n)*uint64(leastEntry) > uint64(c.remaining()) {
		c.failf("%d entries in %d bytes", n, c.remaining())
	}
	if c.err != nil {
		return 0
	}
	return int(n)
}

// list reads a list of ids; never nil unless the cursor failed.
func (c *cursor) list() []clfs.ID {
	n := c.count(leastListEntry)
	ids := make([]clfs.ID, n)
	for i := range ids {
		ids[i] = c.id()
	}
	if c.err != nil {
		return nil
	}
	return ids
}

// extAttrs reads the body of an EXTATTRS record; never nil unless the cursor
// failed.
func (c *cursor) extAttrs() []ExtAttr {
	n := c.count(leastExtAttr)
	attrs := make([]ExtAttr, n)
	for i := range attrs {
		attrs[i] = ExtAttr{Key: string(c.bytes()), Value: string(c.bytes())}
	}
	if c.err != nil {
		return nil
	}
	return attrs
}
