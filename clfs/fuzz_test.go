package clfs_test

import (
	"bytes"
	"reflect"
	"slices"
	"sync"
	"testing"

	"clfsload/clfs"
)

// A seed is a golden blob with what is in it.
type seed struct {
	name    string
	blob    []byte
	payload []byte
}

const (
	seedsPerKind = 3
	seedBytes    = 40_000 // larger inputs only slow the fuzzer down
)

var goldenSeeds struct {
	once   sync.Once
	byKind map[string][]seed
}

// seeds are a few small golden blobs of every kind.
func seeds(f *testing.F) map[string][]seed {
	f.Helper()
	goldenSeeds.once.Do(func() {
		goldenSeeds.byKind = map[string][]seed{}
		for _, container := range goldenContainers {
			eachGoldenBlob(f, container, func(base string, blob []byte) { addSeed(f, base, blob) })
		}
	})
	if len(goldenSeeds.byKind) < 9 {
		f.Fatalf("seeds of %d kinds only", len(goldenSeeds.byKind))
	}
	return goldenSeeds.byKind
}

func addSeed(f *testing.F, base string, blob []byte) {
	payload, _, err := clfs.Unpack(blob, clfs.MaxSegmentPayload)
	if err != nil {
		f.Fatal(err)
	}
	name, err := clfs.ParseName(base)
	if err != nil {
		f.Fatal(err)
	}
	object, err := decodeGolden(name, payload)
	if err != nil {
		f.Fatal(err)
	}
	had := goldenSeeds.byKind[object.kind]
	if len(payload) <= seedBytes && len(had) < 2*seedsPerKind {
		goldenSeeds.byKind[object.kind] = append(had, seed{base, blob, payload})
	}
}

// addPayloads seeds a decoder with objects of every kind, its own and others'.
func addPayloads(f *testing.F) {
	for _, kind := range seeds(f) {
		for _, s := range kind {
			f.Add(s.payload)
		}
	}
}

// recordTypes are the types of a payload's records in order.
func recordTypes(t *testing.T, payload []byte) (types []clfs.RecordType) {
	t.Helper()
	records, err := clfs.ParseRecords(payload)
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
	addPayloads(f)
	f.Fuzz(func(t *testing.T, payload []byte) {
		in, err := clfs.DecodeInode(payload)
		if err != nil {
			return
		}
		encoded := in.Append(nil)
		again, err := clfs.DecodeInode(encoded)
		checkEncodedAgain(t, payload, encoded, in, again, err)
	})
}

func FuzzDecodeSegment(f *testing.F) {
	addPayloads(f)
	f.Add(fullSegment([]byte("abc"))[:clfs.SegmentDataOffset])
	f.Fuzz(func(t *testing.T, payload []byte) {
		s, err := clfs.DecodeSegment(payload)
		if err != nil {
			return
		}
		encoded := encodeSegment(s)
		again, err := clfs.DecodeSegment(encoded)
		checkEncodedAgain(t, payload, encoded, s, again, err)
	})
}

func FuzzDecodeIndirect(f *testing.F) {
	addPayloads(f)
	f.Add(clfs.IndirectBlock{Blocks: []clfs.ID{"0123456789abcdef", clfs.NullBlock}, Tree: 2, Depth: 1, Owner: clfs.RootID}.Append(nil))
	f.Fuzz(func(t *testing.T, payload []byte) {
		b, err := clfs.DecodeIndirect(payload)
		if err != nil {
			return
		}
		encoded := b.Append(nil)
		again, err := clfs.DecodeIndirect(encoded)
		checkEncodedAgain(t, payload, encoded, b, again, err)
	})
}

// A bucket object's attributes may come in any order, too, so that only the
// decoded values can be compared.
func FuzzDecodeBucket(f *testing.F) {
	addPayloads(f)
	f.Fuzz(func(t *testing.T, payload []byte) {
		b, err := clfs.DecodeBucket(payload)
		if err != nil {
			return
		}
		again, err := clfs.DecodeBucket(b.Append(nil))
		if err != nil || !reflect.DeepEqual(b, again) {
			t.Fatalf("decoded %+v, after encoding that %+v, %v", b, again, err)
		}
	})
}

func FuzzParseRecords(f *testing.F) {
	addPayloads(f)
	f.Fuzz(func(t *testing.T, payload []byte) {
		records, err := clfs.ParseRecords(payload)
		if err != nil {
			return
		}
		var joined []byte
		for _, r := range records {
			joined = clfs.AppendRecord(joined, r.Type, r.Body)
		}
		if !bytes.Equal(joined, payload) {
			t.Fatalf("records joined again: %x, want %x", joined, payload)
		}
	})
}

func FuzzUnpack(f *testing.F) {
	for _, kind := range seeds(f) {
		for _, s := range kind {
			f.Add(s.blob)
		}
	}
	f.Add(lz4Blob("\x50hello", "\x11 \x06\x00\x10."))
	f.Fuzz(func(t *testing.T, blob []byte) {
		const limit = 1 << 20
		payload, c, err := clfs.Unpack(blob, limit)
		if err != nil {
			return
		}
		if len(payload) > limit || len(payload) > 255*len(blob) {
			t.Fatalf("%d bytes from %d", len(payload), len(blob))
		}
		packed := clfs.Pack(nil, payload, c)
		if c == clfs.CompressionNone && !bytes.Equal(packed, blob) {
			t.Fatalf("packed again: %x, want %x", packed, blob)
		}
		again, _, err := clfs.Unpack(packed, limit)
		if err != nil || !bytes.Equal(again, payload) {
			t.Fatalf("packed and unpacked: %x, %v, want %x", again, err, payload)
		}
	})
}

func FuzzParseName(f *testing.F) {
	for _, kind := range seeds(f) {
		for _, s := range kind {
			f.Add(s.name)
		}
	}
	f.Fuzz(func(t *testing.T, s string) {
		if n, err := clfs.ParseName(s); err == nil && n.String() != s {
			t.Fatalf("%q was read as %+v, which is %q", s, n, n)
		}
	})
}

func FuzzDirents(f *testing.F) {
	for _, s := range seeds(f)["directory"] {
		in, err := clfs.DecodeInode(s.payload)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(in.Dirents)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var again []byte
		for d, err := range clfs.Dirents(raw) {
			if err != nil {
				return
			}
			again = clfs.AppendDirent(again, d.Name, d.ID)
		}
		if !bytes.Equal(again, raw) {
			t.Fatalf("encoded again: %x, want %x", again, raw)
		}
	})
}
