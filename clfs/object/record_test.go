package object_test

import (
	"bytes"
	"errors"
	"testing"

	"clfsload/clfs"
	"clfsload/clfs/object"
)

func TestRecordsArePaddedToEightBytes(t *testing.T) {
	for _, c := range []struct{ body, whole int }{{0, 24}, {4, 24}, {5, 32}, {12, 32}, {108, 128}} {
		got := object.AppendRecord(nil, object.RecordData, make([]byte, c.body))
		if len(got) != c.whole {
			t.Errorf("a body of %d bytes makes %d, want %d", c.body, len(got), c.whole)
		}
	}
}

func TestParseRecordsRefusesDamageWhereItIs(t *testing.T) {
	good := object.AppendRecord(object.AppendRecord(nil, object.RecordName, []byte("12345")), object.RecordData, []byte("abcd"))
	changed := func(at int, to byte) []byte {
		b := bytes.Clone(good)
		b[at] = to
		return b
	}
	for _, c := range []struct {
		name    string
		payload []byte
		offset  int64
	}{
		{"header cut", good[:10], 0},
		{"body cut", good[:30], 4},
		{"second header cut", good[:40], 32},
		{"bytes behind", append(bytes.Clone(good), 1, 2, 3), 56},
		{"wrong magic", changed(32, 6), 32},
		{"whole length past the end", changed(5, 1), 4},
		{"whole length too small for the body", changed(4, 24), 4},
		{"body length with the whole of another", changed(8, 20), 4},
		{"reserved field", changed(17, 1), 16},
		{"padding", changed(31, 1), 25},
	} {
		_, err := object.ParseRecords(c.payload)
		var fe *clfs.FormatError
		if !errors.As(err, &fe) || fe.Offset != c.offset {
			t.Errorf("%s: %v, want offset %d", c.name, err, c.offset)
		}
	}
}

func TestRecordTypesHaveTheFormatsNames(t *testing.T) {
	for typ, want := range map[object.RecordType]string{
		object.RecordDataBack: "DATABACK", object.RecordBlockMap: "BMAP", 6: "type 6", 1 << 31: "type 2147483648",
	} {
		if got := typ.String(); got != want {
			t.Errorf("%d is called %q, want %q", typ, got, want)
		}
	}
}
