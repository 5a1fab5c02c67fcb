package object

// A payload is records and nothing else (docs/clfs-format.md section 3):
//
//	 0  4  magic 05 60 01 03
//	 4  4  whole length: 20 + body, rounded up to a multiple of 8
//	 8  4  body length
//	12  4  type
//	16  4  0
//	20     body, then zeros up to the whole length
//
// A FIFO's VATTR has a body of 108 bytes and takes 20 + 108 = 128; a symbolic
// link to "x" has a DATA body of 5 bytes and takes 20 + 5, rounded up to 32.

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/bits"

	"clfsload/clfs"
)

// A RecordType says what a record's body holds.
type RecordType uint32

// The record types that are written here. Others (6, 8, 11, 13, 14, 15) exist
// in the service; readers pass over them and keep them.
const (
	RecordData     RecordType = 2
	RecordDirents  RecordType = 3
	RecordAttr     RecordType = 4  // VATTR
	RecordBlockMap RecordType = 5  // BMAP
	RecordIndirect RecordType = 7  // INDIR
	RecordBack     RecordType = 9  // BACK
	RecordDataBack RecordType = 10 // DATABACK
	RecordExtAttrs RecordType = 12
	RecordName     RecordType = 16
)

const (
	recordHeaderBytes = 20
	recordMagic       = "\x05\x60\x01\x03"
	recordAlign       = 8
)

// A Record is one record of a payload.
type Record struct {
	Type RecordType
	Body []byte
}

var recordNames = [...]string{
	RecordData: "DATA", RecordDirents: "DIRENTS", RecordAttr: "VATTR", RecordBlockMap: "BMAP",
	RecordIndirect: "INDIR", RecordBack: "BACK", RecordDataBack: "DATABACK",
	RecordExtAttrs: "EXTATTRS", RecordName: "NAME",
}

// String is the name the type has in docs/clfs-format.md.
func (t RecordType) String() string {
	if int64(t) < int64(len(recordNames)) && recordNames[t] != "" {
		return recordNames[t]
	}
	return fmt.Sprintf("type %d", uint32(t))
}

// A recordSet holds some of the record types above.
type recordSet uint32

func (s *recordSet) add(t RecordType)     { *s |= 1 << t }
func (s recordSet) has(t RecordType) bool { return t < 32 && s&(1<<t) != 0 }
func (s recordSet) first() RecordType     { return RecordType(bits.TrailingZeros32(uint32(s))) }

// AppendRecord appends a record with its header and padding.
func AppendRecord(dst []byte, t RecordType, body []byte) []byte {
	dst, start := openRecord(dst, t)
	return closeRecord(append(dst, body...), start)
}

// openRecord appends a header without lengths, for a body that is then
// appended in place; closeRecord completes it.
func openRecord(dst []byte, t RecordType) (opened []byte, start int) {
	start = len(dst)
	dst = append(dst, recordMagic+"\x00\x00\x00\x00\x00\x00\x00\x00"...)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(t))
	return append(dst, 0, 0, 0, 0), start
}

func closeRecord(dst []byte, start int) []byte {
	length := len(dst) - start
	whole := alignRecord(length)
	for range whole - length {
		dst = append(dst, 0)
	}
	binary.LittleEndian.PutUint32(dst[start+4:], uint32(whole))
	binary.LittleEndian.PutUint32(dst[start+8:], uint32(length-recordHeaderBytes))
	return dst
}

func alignRecord(n int) int { return (n + recordAlign - 1) &^ (recordAlign - 1) }

// ParseRecords takes a payload apart. The bodies alias it. Joining the records
// again with [AppendRecord] gives the same payload.
func ParseRecords(payload []byte) ([]Record, error) {
	var records []Record
	for r := (recordReader{payload: payload}); r.more(); {
		rec, _, err := r.next()
		if err != nil {
			return nil, err
		}
		records = append(records, rec)
	}
	return records, nil
}

// A recordReader steps through a payload.
type recordReader struct {
	payload []byte
	pos     int
}

func (r *recordReader) more() bool { return r.pos < len(r.payload) }

// next returns the record at pos and a cursor over its body.
func (r *recordReader) next() (Record, cursor, error) {
	rest, le := r.payload[r.pos:], binary.LittleEndian
	if len(rest) < recordHeaderBytes {
		return Record{}, cursor{}, clfs.FormatErrorf(r.pos, "record header cut short: %d bytes", len(rest))
	}
	if string(rest[:4]) != recordMagic {
		return Record{}, cursor{}, clfs.FormatErrorf(r.pos, "no record here: magic %x, want %x", rest[:4], recordMagic)
	}
	whole, body, reserved := uint64(le.Uint32(rest[4:])), uint64(le.Uint32(rest[8:])), le.Uint32(rest[16:])
	end := recordHeaderBytes + body
	switch {
	case whole > uint64(len(rest)):
		return Record{}, cursor{}, clfs.FormatErrorf(r.pos+4, "record of %d bytes, %d left", whole, len(rest))
	case whole != (end+recordAlign-1)&^(recordAlign-1):
		return Record{}, cursor{}, clfs.FormatErrorf(r.pos+4, "record of %d bytes with a body of %d", whole, body)
	case reserved != 0:
		return Record{}, cursor{}, clfs.FormatErrorf(r.pos+16, "reserved field holds %#x", reserved)
	case len(bytes.TrimLeft(rest[end:whole], "\x00")) != 0:
		return Record{}, cursor{}, clfs.FormatErrorf(r.pos+int(end), "padding holds %x", rest[end:whole])
	}
	rec := Record{Type: RecordType(le.Uint32(rest[12:])), Body: rest[recordHeaderBytes:end:end]}
	c := cursor{b: rec.Body, base: r.pos + recordHeaderBytes}
	r.pos += int(whole)
	return rec, c, nil
}

// decodeRecords gives every record of a payload to take, which decodes it if
// the object has a place for it and else says no. A record that was taken must
// be used up, and must not come again. It returns the types that were taken.
func decodeRecords(payload []byte, take func(Record, *cursor) bool) (seen recordSet, err error) {
	var rec Record
	var c cursor
	for r := (recordReader{payload: payload}); r.more(); {
		at := r.pos
		if rec, c, err = r.next(); err != nil {
			return 0, err
		}
		if !take(rec, &c) {
			continue
		}
		if seen.has(rec.Type) {
			return 0, clfs.FormatErrorf(at, "second %s record", rec.Type)
		}
		if err := c.end(); err != nil {
			return 0, err
		}
		seen.add(rec.Type)
	}
	return seen, nil
}
