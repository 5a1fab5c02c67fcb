package clfs_test

import (
	"bytes"
	"errors"
	"reflect"
	"testing"

	"clfsload/clfs"
)

func TestFinishSegmentFramesInPlace(t *testing.T) {
	owner := fileInode(nil).ID()
	for _, n := range []int{0, 1, 7, 8, 9, 1000} {
		data := text(n)
		buf := make([]byte, clfs.SegmentDataOffset+n+128)
		copy(buf[clfs.SegmentDataOffset:], data)
		for i := clfs.SegmentDataOffset + n; i < len(buf); i++ {
			buf[i] = 0xee // of the segment before
		}
		payload := clfs.FinishSegment(buf, n, 77, clfs.SegmentOffset(3, false), owner)
		if &payload[0] != &buf[0] {
			t.Errorf("%d bytes were moved", n)
		}
		got, err := clfs.DecodeSegment(payload)
		want := clfs.Segment{Data: data, Ctime: 77, Offset: 16384 + 3*8388608, Owner: owner}
		if err != nil || !bytes.Equal(got.Data, data) || got.Offset != want.Offset || got.Ctime != 77 || got.Owner != owner || got.IsDirectory {
			t.Errorf("%d bytes: %v, offset %d", n, err, got.Offset)
		}
	}
}

func TestFullSegmentBytesAreAsDrawn(t *testing.T) {
	if n := len(fullSegment(nil)); n != 88 {
		t.Errorf("an empty segment has %d bytes, want 88", n)
	}
	buf := make([]byte, clfs.MaxSegmentPayload)
	payload := clfs.FinishSegment(buf, clfs.SegmentBytes, 0, 0, clfs.NullHandle)
	if len(payload) != 8388696 || &payload[0] != &buf[0] {
		t.Errorf("a full segment has %d bytes, want 8388696 in the same buffer", len(payload))
	}
}

func TestDirectorySegmentRoundTrip(t *testing.T) {
	entries := clfs.AppendDirent(clfs.AppendDirent(nil, []byte("a\xff/"), "id"), []byte("b"), clfs.RootID)
	payload := clfs.AppendDirSegment(nil, entries, 9, clfs.SegmentOffset(1, true), clfs.RootID)
	got, err := clfs.DecodeSegment(payload)
	want := clfs.Segment{Data: []byte{}, Dirents: entries, IsDirectory: true, Ctime: 9, Offset: 16384 + 262144, Owner: clfs.RootID}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
}

func TestDecodersRefuseEveryCut(t *testing.T) {
	for name, c := range map[string]struct {
		payload []byte
		decode  func([]byte) error
	}{
		"segment":           {fullSegment(nil), decodeSegment},
		"directory segment": {clfs.AppendDirSegment(nil, clfs.AppendDirent(nil, []byte("a"), "id"), 9, 16384, clfs.RootID), decodeSegment},
		"indirect block": {
			clfs.IndirectBlock{Blocks: []clfs.ID{"a", "b"}, Tree: 1, Depth: 1, Owner: clfs.RootID}.Append(nil),
			func(b []byte) error { _, err := clfs.DecodeIndirect(b); return err },
		},
		"bucket": {
			clfs.Bucket{UUID: "u"}.Append(nil),
			func(b []byte) error { _, err := clfs.DecodeBucket(b); return err },
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
	_, err := clfs.DecodeSegment(b)
	return err
}

func TestDecodeSegmentPassesOverUnknownRecords(t *testing.T) {
	payload := clfs.AppendRecord(fullSegment([]byte("abc")), 11, []byte("later"))
	if s, err := clfs.DecodeSegment(payload); err != nil || string(s.Data[:3]) != "abc" {
		t.Errorf("%q, %v", s.Data, err)
	}
}

func TestDecodeSegmentRefusesContradictions(t *testing.T) {
	file := fullSegment([]byte("abc"))
	for name, payload := range map[string][]byte{
		"two DATA":         joinRecords(t, file, clfs.RecordData, clfs.RecordData, clfs.RecordDataBack),
		"entries and data": append(clfs.AppendRecord(nil, clfs.RecordDirents, nil), file...),
		"no DATA":          joinRecords(t, file, clfs.RecordDataBack),
	} {
		if err := decodeSegment(payload); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestDecodeIndirectRefusesPlacesThatCannotBe(t *testing.T) {
	for _, b := range []clfs.IndirectBlock{
		{Tree: 4, Owner: "o"}, {Tree: 1, Depth: 2, Owner: "o"}, {Tree: 0, Owner: ""},
		{Blocks: []clfs.ID{""}, Owner: "o"}, {Blocks: fullOf("x", clfs.IndirectFanout+1), Owner: "o"},
	} {
		if _, err := clfs.DecodeIndirect(b.Append(nil)); err == nil {
			t.Errorf("tree %d depth %d with %d entries: accepted", b.Tree, b.Depth, len(b.Blocks))
		}
	}
	full := clfs.IndirectBlock{Blocks: fullOf("0123456789abcdef", clfs.IndirectFanout), Tree: 3, Depth: 3, Owner: clfs.NullHandle}
	if payload := full.Append(nil); len(payload) != 73816 {
		t.Errorf("a full block has %d bytes, want 73816", len(payload))
	} else if got, err := clfs.DecodeIndirect(payload); err != nil || !reflect.DeepEqual(got, full) {
		t.Errorf("a full block does not come back: %v", err)
	}
}

func fullOf(id clfs.ID, n int) []clfs.ID {
	ids := make([]clfs.ID, n)
	for i := range ids {
		ids[i] = id
	}
	return ids
}

func TestDirentBytesAreAsDrawn(t *testing.T) {
	dot := clfs.AppendDirent(nil, []byte("."), clfs.NullHandle)
	both := clfs.AppendDirent(dot, []byte(".."), clfs.RootID)
	if len(dot) != 31 || len(both) != 31+24 || clfs.DirentSize(1, 24) != 31 || clfs.DirentSize(2, 16) != 24 {
		t.Errorf("entries of %d and %d bytes, want 31 and 24", len(dot), len(both)-len(dot))
	}
}

func TestDirentsStopsAtTheFirstError(t *testing.T) {
	good := clfs.AppendDirent(nil, []byte("name"), clfs.RootID)
	for name, c := range map[string]struct {
		raw    []byte
		offset int64
	}{
		"name cut":       {append(bytes.Clone(good), 9, 0, 0, 0, 'x'), int64(len(good) + 4)},
		"length cut":     {append(bytes.Clone(good), 9, 0), int64(len(good))},
		"no name":        {append(bytes.Clone(good), 0, 0, 0, 0, 1, 0, 'x'), int64(len(good) + 4)},
		"no id":          {append(bytes.Clone(good), 1, 0, 0, 0, 'x', 0, 0), int64(len(good) + 7)},
		"id of 65 bytes": {clfs.AppendDirent(bytes.Clone(good), []byte("x"), clfs.ID(make([]byte, 65))), int64(len(good) + 7)},
	} {
		var entries, failures int
		for d, err := range clfs.Dirents(c.raw) {
			var fe *clfs.FormatError
			switch {
			case err == nil && string(d.Name) == "name" && d.ID == clfs.RootID:
				entries++
			case errors.As(err, &fe) && fe.Offset == c.offset:
				failures++
			default:
				t.Errorf("%s: %q, %v, want offset %d", name, d.Name, err, c.offset)
			}
		}
		if entries != 1 || failures != 1 {
			t.Errorf("%s: %d entries, %d failures", name, entries, failures)
		}
	}
	for range clfs.Dirents(append(good, good...)) {
		break // must not be called again after this
	}
}

func TestBucketRoundTrip(t *testing.T) {
	b := clfs.Bucket{
		UUID: "123e4567-e89b-42d3-a456-426614174000", Logs: []string{"a.log", "b.log"},
		Mark:    &clfs.Mark{ID: "m", Publication: 7, Time: "2026-11-29T20:00:00Z", State: "host:/state", Open: clfs.OpenMount},
		Others:  []clfs.ExtAttr{{Key: "later", Value: "1"}, {Key: "logfile009", Value: "c.log"}},
		Unknown: []clfs.Record{{Type: 14, Body: []byte("x")}},
	}
	got, err := clfs.DecodeBucket(b.Append(nil))
	if err != nil || !reflect.DeepEqual(got, b) {
		t.Errorf("%+v, %v, want %+v", got, err, b)
	}
	if n := len(clfs.Bucket{UUID: b.UUID}.Append(nil)); n != 168 {
		t.Errorf("a bucket object without logs has %d bytes, want 168", n)
	}
}

func TestDecodeBucketRefusesOtherFormats(t *testing.T) {
	good := clfs.Bucket{UUID: "u"}.Append(nil)
	attrs := bytes.Replace(good, []byte("bucketObjVersion\x01\x00\x00\x002"), []byte("bucketObjVersion\x01\x00\x00\x003"), 1)
	for name, payload := range map[string][]byte{
		"object version 3": attrs,
		"no UUID":          clfs.Bucket{}.Append(nil),
		"two UUIDs":        clfs.Bucket{UUID: "u", Others: []clfs.ExtAttr{{Key: "bucketUUID", Value: "v"}}}.Append(nil),
		"two records":      append(bytes.Clone(good), good...),
		"nothing":          nil,
	} {
		if b, err := clfs.DecodeBucket(payload); err == nil {
			t.Errorf("%s: read as %+v", name, b)
		}
	}
}
