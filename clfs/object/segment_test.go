package object_test

import (
	"bytes"
	"errors"
	"reflect"
	"testing"

	"clfsload/clfs"
	"clfsload/clfs/clfstest"
	"clfsload/clfs/object"
)

func TestFinishSegmentFramesInPlace(t *testing.T) {
	owner := clfstest.FileInode(nil).ID()
	for _, n := range []int{0, 1, 7, 8, 9, 1000} {
		data := clfstest.Text(n)
		buf := make([]byte, object.SegmentDataOffset+n+128)
		copy(buf[object.SegmentDataOffset:], data)
		for i := object.SegmentDataOffset + n; i < len(buf); i++ {
			buf[i] = 0xee // of the segment before
		}
		payload := object.FinishSegment(buf, n, 77, clfs.SegmentOffset(3, false), owner)
		if &payload[0] != &buf[0] {
			t.Errorf("%d bytes were moved", n)
		}
		got, err := object.DecodeSegment(payload)
		want := object.Segment{Data: data, Ctime: 77, Offset: 16384 + 3*8388608, Owner: owner}
		if err != nil || !bytes.Equal(got.Data, data) || got.Offset != want.Offset || got.Ctime != 77 || got.Owner != owner || got.IsDirectory {
			t.Errorf("%d bytes: %v, offset %d", n, err, got.Offset)
		}
	}
}

func TestFullSegmentBytesAreAsDrawn(t *testing.T) {
	if n := len(clfstest.FullSegment(nil)); n != 88 {
		t.Errorf("an empty segment has %d bytes, want 88", n)
	}
	buf := make([]byte, object.MaxSegmentPayload)
	payload := object.FinishSegment(buf, clfs.SegmentBytes, 0, 0, clfs.NullHandle)
	if len(payload) != 8388696 || &payload[0] != &buf[0] {
		t.Errorf("a full segment has %d bytes, want 8388696 in the same buffer", len(payload))
	}
}

func TestDirectorySegmentRoundTrip(t *testing.T) {
	entries := object.AppendDirent(object.AppendDirent(nil, []byte("a\xff/"), "id"), []byte("b"), clfs.RootID)
	payload := object.AppendDirSegment(nil, entries, 9, clfs.SegmentOffset(1, true), clfs.RootID)
	got, err := object.DecodeSegment(payload)
	want := object.Segment{Data: []byte{}, Dirents: entries, IsDirectory: true, Ctime: 9, Offset: 16384 + 262144, Owner: clfs.RootID}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
}

func TestDecodersRefuseEveryCut(t *testing.T) {
	for name, c := range map[string]struct {
		payload []byte
		decode  func([]byte) error
	}{
		"segment":           {clfstest.FullSegment(nil), decodeSegment},
		"directory segment": {object.AppendDirSegment(nil, object.AppendDirent(nil, []byte("a"), "id"), 9, 16384, clfs.RootID), decodeSegment},
		"indirect block": {
			object.IndirectBlock{Blocks: []clfs.ID{"a", "b"}, Tree: 1, Depth: 1, Owner: clfs.RootID}.Append(nil),
			func(b []byte) error { _, err := object.DecodeIndirect(b); return err },
		},
		"bucket": {
			object.Bucket{UUID: "u"}.Append(nil),
			func(b []byte) error { _, err := object.DecodeBucket(b); return err },
		},
	} {
		if err := c.decode(c.payload); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for n := range c.payload {
			var fe *clfs.FormatError
			if err := c.decode(c.payload[:n]); !errors.As(err, &fe) {
				t.Errorf("%s: %d of %d bytes: %v, want a FormatError", name, n, len(c.payload), err)
			}
		}
	}
}

func decodeSegment(b []byte) error {
	_, err := object.DecodeSegment(b)
	return err
}

func TestDecodeSegmentPassesOverUnknownRecords(t *testing.T) {
	payload := object.AppendRecord(clfstest.FullSegment([]byte("abc")), 11, []byte("later"))
	if s, err := object.DecodeSegment(payload); err != nil || string(s.Data[:3]) != "abc" {
		t.Errorf("%q, %v", s.Data, err)
	}
}

func TestDecodeSegmentRefusesContradictions(t *testing.T) {
	file := clfstest.FullSegment([]byte("abc"))
	for name, payload := range map[string][]byte{
		"two DATA":         joinRecords(t, file, object.RecordData, object.RecordData, object.RecordDataBack),
		"entries and data": append(object.AppendRecord(nil, object.RecordDirents, nil), file...),
		"no DATA":          joinRecords(t, file, object.RecordDataBack),
	} {
		if err := decodeSegment(payload); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
