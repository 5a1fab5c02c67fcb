package clfstest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"clfsload/clfs"
	"clfsload/clfs/compression"
)

// Vectors are what CLFSLoad computed for some inputs (testdata/golden/README.md).
type Vectors struct {
	Hashes []struct{ ID, FNV1, Murmur2 string }
	Names  []struct {
		ID, Owner string
		BType     clfs.Type
		Version   uint32
		Name      string
	}
	Handles []struct {
		ContainerID uint32
		DmidSrc     uint8 `json:"dmid_src"`
		DmidTgt     uint8 `json:"dmid_tgt"`
		FType       uint8
		Seq         uint64
		Random      uint64 `json:",string"`
		Handle      string
	}
	Indirect struct {
		Handle, Parent string
		Cases          []IndirectCase
	}
	Compression []struct {
		Payload     string
		Length      int
		SHA256      string
		Compression compression.Method
	}
	DirSegments []struct {
		NameLengths [][2]int `json:"name_lengths_in_order_runlength"`
		Segments    []int
	}
}

// An EncodedObject is the id, in hex digits, and the payload's digest of an object.
type EncodedObject struct {
	ID, SHA256, Name string
	Length           int
}

// An IndirectCase is a file of so many blocks, the inode included, with its indirect blocks.
type IndirectCase struct {
	Blocks, Size uint64
	Inode        EncodedObject
	Indirect     []EncodedObject
	Roots        []string
}

// LoadVectors reads the vectors, and fails the test if a part is empty.
func LoadVectors(t testing.TB) Vectors {
	t.Helper()
	raw, err := os.ReadFile(GoldenPath(t, "vectors.json"))
	if err != nil {
		t.Fatal(err)
	}
	var v Vectors
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	for part, n := range map[string]int{
		"hashes": len(v.Hashes), "names": len(v.Names), "handles": len(v.Handles), "indirect": len(v.Indirect.Cases),
		"compression": len(v.Compression), "dirsegments": len(v.DirSegments),
	} {
		if n == 0 {
			t.Fatalf("no %s in the vectors", part)
		}
	}
	return v
}

// Unhex reads hex digits of any number of bytes, none among them.
func Unhex(t testing.TB, s string) clfs.ID {
	t.Helper()
	raw, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return clfs.ID(raw)
}

// Digest is the SHA-256 of b as the vectors have it.
func Digest(b []byte) string { return fmt.Sprintf("%x", sha256.Sum256(b)) }
