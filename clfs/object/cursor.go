package object

import (
	"encoding/binary"

	"clfsload/clfs"
)

// A cursor reads one record's body. After the first failure it returns zeros
// and keeps the error, so that a decoder checks once, at its end.
type cursor struct {
	b    []byte
	pos  int
	base int // offset of b in what the user gave to the decoder
	err  error
}

func (c *cursor) failf(format string, args ...any) {
	if c.err == nil {
		c.err = clfs.FormatErrorf(c.base+c.pos, format, args...)
	}
}

// take returns the next n bytes, aliasing the input.
func (c *cursor) take(n uint64) []byte {
	if c.err == nil && n > uint64(len(c.b)-c.pos) {
		c.failf("cut short: %d bytes wanted, %d left", n, len(c.b)-c.pos)
	}
	if c.err != nil {
		return nil
	}
	start := c.pos
	c.pos += int(n)
	return c.b[start:c.pos:c.pos]
}

func (c *cursor) u8() uint8 {
	if b := c.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (c *cursor) u16() uint16 {
	if b := c.take(2); b != nil {
		return binary.LittleEndian.Uint16(b)
	}
	return 0
}

func (c *cursor) u32() uint32 {
	if b := c.take(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (c *cursor) u64() uint64 {
	if b := c.take(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

func (c *cursor) time() clfs.Time { return clfs.Time{Sec: c.u32(), Nsec: c.u32()} }

// bytes reads a u32 length and as many bytes; the result is never nil unless
// the cursor failed.
func (c *cursor) bytes() []byte { return c.take(uint64(c.u32())) }

// id reads a u16 length and as many bytes.
func (c *cursor) id() clfs.ID {
	n := c.u16()
	if c.err == nil && (n == 0 || n > clfs.MaxIDBytes) {
		c.failf("an id of %d bytes, want 1 to %d", n, clfs.MaxIDBytes)
	}
	b := c.take(uint64(n))
	if string(b) == string(clfs.NullBlock) {
		return clfs.NullBlock // four in most inodes, and this one needs no memory
	}
	return clfs.ID(b)
}

// remaining is how many bytes are left.
func (c *cursor) remaining() int { return len(c.b) - c.pos }

// end is the error so far, or that bytes are left over.
func (c *cursor) end() error {
	if c.remaining() > 0 {
		c.failf("%d bytes left over", c.remaining())
	}
	return c.err
}
