package object_test

import (
	"bytes"
	"reflect"
	"slices"
	"testing"

	"clfsload/clfs"
	"clfsload/clfs/clfstest"
	"clfsload/clfs/object"
)

// recordTypes are the types of a payload's records in order.
func recordTypes(t *testing.T, payload []byte) (types []object.RecordType) {
	t.Helper()
	records, err := object.ParseRecords(payload)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		types = append(types, r.Type)
	}
	return types
}

// checkEncodedAgain holds a decoder to its promise: what was decoded from
// encoded is what was decoded from payload, and when their records are in the
// same order so are their bytes.
func checkEncodedAgain(t *testing.T, payload, encoded []byte, decoded, again any, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("does not decode what it encoded: %v", err)
	}
	if !reflect.DeepEqual(decoded, again) {
		t.Fatalf("decoded %+v, after encoding that %+v", decoded, again)
	}
	if slices.Equal(recordTypes(t, payload), recordTypes(t, encoded)) && !bytes.Equal(payload, encoded) {
		t.Fatalf("encoded again: %x, want %x", encoded, payload)
	}
}

func FuzzDecodeInode(f *testing.F) {
	clfstest.AddPayloads(f)
	f.Fuzz(func(t *testing.T, payload []byte) {
		in, err := object.DecodeInode(payload)
		if err != nil {
			return
		}
		encoded := in.Append(nil)
		again, err := object.DecodeInode(encoded)
		checkEncodedAgain(t, payload, encoded, in, again, err)
	})
}

func FuzzDecodeSegment(f *testing.F) {
	clfstest.AddPayloads(f)
	f.Add(clfstest.FullSegment([]byte("abc"))[:object.SegmentDataOffset])
	f.Fuzz(func(t *testing.T, payload []byte) {
		s, err := object.DecodeSegment(payload)
		if err != nil {
			return
		}
		encoded := clfstest.EncodeSegment(s)
		again, err := object.DecodeSegment(encoded)
		checkEncodedAgain(t, payload, encoded, s, again, err)
	})
}

func FuzzDecodeIndirect(f *testing.F) {
	clfstest.AddPayloads(f)
	f.Add(object.IndirectBlock{Blocks: []clfs.ID{"0123456789abcdef", clfs.NullBlock}, Tree: 2, Depth: 1, Owner: clfs.RootID}.Append(nil))
	f.Fuzz(func(t *testing.T, payload []byte) {
		b, err := object.DecodeIndirect(payload)
		if err != nil {
			return
		}
		encoded := b.Append(nil)
		again, err := object.DecodeIndirect(encoded)
		checkEncodedAgain(t, payload, encoded, b, again, err)
	})
}

// A bucket object's attributes may come in any order, too, so that only the
// decoded values can be compared.
func FuzzDecodeBucket(f *testing.F) {
	clfstest.AddPayloads(f)
	f.Fuzz(func(t *testing.T, payload []byte) {
		b, err := object.DecodeBucket(payload)
		if err != nil {
			return
		}
		again, err := object.DecodeBucket(b.Append(nil))
		if err != nil || !reflect.DeepEqual(b, again) {
			t.Fatalf("decoded %+v, after encoding that %+v, %v", b, again, err)
		}
	})
}

func FuzzParseRecords(f *testing.F) {
	clfstest.AddPayloads(f)
	f.Fuzz(func(t *testing.T, payload []byte) {
		records, err := object.ParseRecords(payload)
		if err != nil {
			return
		}
		var joined []byte
		for _, r := range records {
			joined = object.AppendRecord(joined, r.Type, r.Body)
		}
		if !bytes.Equal(joined, payload) {
			t.Fatalf("records joined again: %x, want %x", joined, payload)
		}
	})
}

func FuzzDirents(f *testing.F) {
	for _, s := range clfstest.Seeds(f)["directory"] {
		in, err := object.DecodeInode(s.Payload)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(in.Dirents)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var again []byte
		for d, err := range object.Dirents(raw) {
			if err != nil {
				return
			}
			again = object.AppendDirent(again, d.Name, d.ID)
		}
		if !bytes.Equal(again, raw) {
			t.Fatalf("encoded again: %x, want %x", again, raw)
		}
	})
}
