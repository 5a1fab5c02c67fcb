package clfstest

import (
	"sync"
	"testing"

	"clfsload/clfs"
	"clfsload/clfs/compression"
	"clfsload/clfs/object"
)

// A Seed is a golden blob with its name and its payload.
type Seed struct {
	Name    string
	Blob    []byte
	Payload []byte
}

const (
	seedsPerKind = 3
	seedBytes    = 40_000 // larger inputs only slow the fuzzer down
)

var goldenSeeds struct {
	once   sync.Once
	byKind map[string][]Seed
}

// Seeds are a few small golden blobs of every kind.
func Seeds(f *testing.F) map[string][]Seed {
	f.Helper()
	goldenSeeds.once.Do(func() {
		goldenSeeds.byKind = map[string][]Seed{}
		for _, container := range Containers {
			EachBlob(f, container, func(base string, blob []byte) { addSeed(f, base, blob) })
		}
	})
	if len(goldenSeeds.byKind) < 9 {
		f.Fatalf("seeds of %d kinds only", len(goldenSeeds.byKind))
	}
	return goldenSeeds.byKind
}

func addSeed(f *testing.F, base string, blob []byte) {
	payload, _, err := compression.Unpack(blob, object.MaxSegmentPayload)
	if err != nil {
		f.Fatal(err)
	}
	name, err := clfs.ParseName(base)
	if err != nil {
		f.Fatal(err)
	}
	decoded, err := Decode(name, payload)
	if err != nil {
		f.Fatal(err)
	}
	had := goldenSeeds.byKind[decoded.Kind]
	if len(payload) <= seedBytes && len(had) < 2*seedsPerKind {
		goldenSeeds.byKind[decoded.Kind] = append(had, Seed{base, blob, payload})
	}
}

// AddPayloads seeds a decoder with golden payloads of every kind, its own and others'.
func AddPayloads(f *testing.F) {
	for _, kind := range Seeds(f) {
		for _, s := range kind {
			f.Add(s.Payload)
		}
	}
}
