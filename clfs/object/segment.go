package object

// A data segment holds file contents after the first 16384 bytes, or directory
// entries after the first segment's (docs/clfs-format.md sections 3 to 5):
//
//	of a file       DATA DATABACK
//	of a directory  DIRENTS DATA DATABACK, where DATA is empty
//
//	DATA      u32 length | bytes
//	DATABACK  u32 ctime seconds | u64 offset | u16 length | the inode's id
//
// A full segment of a file: DATA 20 + 4 + 8388608 = 8388632, DATABACK
// 20 + 4 + 8 + 2 + 24 and padding = 64: 8388696 bytes.

import (
	"encoding/binary"

	"clfsload/clfs"
)

const (
	// SegmentDataOffset is where a file segment's data starts in its payload.
	SegmentDataOffset = recordHeaderBytes + 4
	// MaxSegmentPayload is the payload of a full segment of a file.
	MaxSegmentPayload = SegmentDataOffset + clfs.SegmentBytes + 64
)

// A Segment is a decoded segment object. Data and Dirents alias the payload.
type Segment struct {
	Data        []byte
	Dirents     []byte
	IsDirectory bool
	Ctime       uint32  // seconds, of the inode
	Offset      uint64  // 16384 + n * SegmentBytes or DirSegmentBytes, n from 0
	Owner       clfs.ID // the inode
}

// FinishSegment makes the payload of a file's data segment around the n bytes
// that the caller has put at buf[SegmentDataOffset:], without moving them. buf
// needs that much capacity, and [MaxSegmentPayload] to hold a full segment
// without being reallocated. The payload it returns starts at buf's start.
func FinishSegment(buf []byte, n int, ctimeSec uint32, offset uint64, owner clfs.ID) []byte {
	openRecord(buf[:0], RecordData)
	binary.LittleEndian.PutUint32(buf[recordHeaderBytes:SegmentDataOffset], uint32(n))
	payload := closeRecord(buf[:SegmentDataOffset+n], 0)
	return appendDataBack(payload, ctimeSec, offset, owner)
}

// AppendDirSegment appends the payload of a directory's segment.
func AppendDirSegment(dst, dirents []byte, ctimeSec uint32, offset uint64, owner clfs.ID) []byte {
	dst = AppendRecord(dst, RecordDirents, dirents)
	dst = AppendRecord(dst, RecordData, []byte{0, 0, 0, 0})
	return appendDataBack(dst, ctimeSec, offset, owner)
}

func appendDataBack(dst []byte, ctimeSec uint32, offset uint64, owner clfs.ID) []byte {
	dst, start := openRecord(dst, RecordDataBack)
	dst = binary.LittleEndian.AppendUint32(dst, ctimeSec)
	dst = binary.LittleEndian.AppendUint64(dst, offset)
	return closeRecord(appendID(dst, owner), start)
}

func (c *cursor) dataBack() (ctimeSec uint32, offset uint64, owner clfs.ID) {
	return c.u32(), c.u64(), c.id()
}

// DecodeSegment decodes a segment's payload, a file's or a directory's. It
// passes over records that it does not know.
func DecodeSegment(payload []byte) (Segment, error) {
	var s Segment
	seen, err := decodeRecords(payload, s.take)
	if err != nil {
		return Segment{}, err
	}
	s.IsDirectory = seen.has(RecordDirents)
	if !seen.has(RecordData) || !seen.has(RecordDataBack) {
		return Segment{}, clfs.FormatErrorf(len(payload), "no segment: it has no %s or no %s record", RecordData, RecordDataBack)
	}
	if s.IsDirectory && len(s.Data) > 0 {
		return Segment{}, clfs.FormatErrorf(len(payload), "segment with entries and %d bytes of data", len(s.Data))
	}
	return s, nil
}

func (s *Segment) take(r Record, c *cursor) bool {
	switch r.Type {
	case RecordData:
		s.Data = c.bytes()
	case RecordDirents:
		s.Dirents = c.take(uint64(c.remaining()))
	case RecordDataBack:
		s.Ctime, s.Offset, s.Owner = c.dataBack()
	default:
		return false
	}
	return true
}
