package clfs_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"strings"
	"testing"

	"clfsload/clfs"
)

func TestParseIDTakesOneTo64Bytes(t *testing.T) {
	for text, want := range map[string]clfs.ID{
		"00": "\x00", "aBcD": "\xab\xcd", strings.Repeat("41", 64): clfs.ID(strings.Repeat("A", 64)),
	} {
		got, err := clfs.ParseID(text)
		if err != nil || got != want || got.String() != strings.ToUpper(text) {
			t.Errorf("%s: %s, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "0", "xy", "0x", strings.Repeat("41", 65)} {
		if id, err := clfs.ParseID(text); err == nil {
			t.Errorf("%q was read as %s", text, id)
		}
	}
}

func TestNullIDs(t *testing.T) {
	for id, want := range map[clfs.ID]bool{"": true, clfs.NullBlock: true, clfs.NullHandle: true, clfs.RootID: false} {
		if id.IsNull() != want {
			t.Errorf("%s: null %v", id, !want)
		}
	}
	if len(clfs.NullBlock) != 16 || len(clfs.NullHandle) != 24 || clfs.RootID.String() != "00000000000000000000000000000064" {
		t.Error("well-known ids have other lengths")
	}
}

func TestNewHandleKeepsTheRules(t *testing.T) {
	key := clfs.Key{9}
	dir := clfs.NewHandle(key, 0xfedcba98, clfs.RootID, clfs.TypeDirectory, 17, 1001)
	seen := map[uint64]bool{}
	for seq := uint64(clfs.FirstSequence); seq < 3000; seq++ {
		id := clfs.NewHandle(key, 0xfedcba98, dir, clfs.TypeSymlink, 5, seq)
		h, err := clfs.ParseHandle(id)
		want := clfs.Handle{ContainerID: 0xfedcba98 & 0x07ffffff, DirMgrSource: 17, DirMgrTarget: 17, Type: clfs.TypeSymlink, Sequence: seq, Random: h.Random}
		if err != nil || h != want {
			t.Fatalf("handle %s: %+v, %v, want %+v", id, h, err, want)
		}
		if h.Random == 0 || seen[h.Random] || clfs.FNV1(id) == 0 {
			t.Errorf("sequence %d: random part %#x", seq, h.Random)
		}
		seen[h.Random] = true
		if clfs.NewHandle(key, 0xfedcba98, dir, clfs.TypeSymlink, 5, seq) != id {
			t.Error("the same arguments give another handle")
		}
	}
	if h, err := clfs.ParseHandle(dir); err != nil || h.DirMgrSource != 0 || h.DirMgrTarget != 17 || dir.DirMgr() != 17 {
		t.Errorf("directory handle %+v, %v", h, err)
	}
	if clfs.NewHandle(clfs.Key{8}, 1, dir, clfs.TypeFIFO, 0, 1001)[16:] == clfs.NewHandle(key, 1, dir, clfs.TypeFIFO, 0, 1001)[16:] {
		t.Error("another key gives the same random part")
	}
}

func TestParseHandleRefusesOthers(t *testing.T) {
	good := []byte(clfs.NewHandle(clfs.Key{}, 5, clfs.RootID, clfs.TypeRegular, 0, 1001))
	for name, change := range map[string]func(b []byte) []byte{
		"short":     func(b []byte) []byte { return b[:23] },
		"version 2": func(b []byte) []byte { b[0] ^= 0x0f; return b },
		"type 8":    func(b []byte) []byte { b[6] = 8; return b },
		"type 0":    func(b []byte) []byte { b[6] = 0; return b },
		"byte 7":    func(b []byte) []byte { b[7] = 1; return b },
	} {
		if h, err := clfs.ParseHandle(clfs.ID(change([]byte(string(good))))); err == nil {
			t.Errorf("%s: read as %+v", name, h)
		}
	}
}

func TestDerivedBlockIDsAreDistinctVersion4UUIDs(t *testing.T) {
	key, other := clfs.Key{1, 2, 3}, clfs.Key{1, 2, 4}
	ids := map[clfs.ID]string{}
	add := func(what string, id clfs.ID) {
		if len(id) != 16 || id[6]>>4 != 4 || id[8]>>6 != 2 {
			t.Errorf("%s: %s is no version 4 UUID", what, id)
		}
		if before, taken := ids[id]; taken {
			t.Errorf("%s and %s are both %s", what, before, id)
		}
		ids[id] = what
	}
	add("segment", clfs.SegmentID(key, clfs.RootID, 0, 0))
	add("segment of another key", clfs.SegmentID(other, clfs.RootID, 0, 0))
	add("segment of another owner", clfs.SegmentID(key, clfs.BucketID, 0, 0))
	add("segment of generation 1", clfs.SegmentID(key, clfs.RootID, 1, 0))
	add("segment 1", clfs.SegmentID(key, clfs.RootID, 0, 1))
	for tree := range 4 {
		for depth := range tree + 1 {
			add("indirect", clfs.IndirectID(key, clfs.RootID, 0, tree, depth, 0))
		}
	}
	add("indirect 1", clfs.IndirectID(key, clfs.RootID, 0, 3, 3, 1))
	add("indirect of generation 1", clfs.IndirectID(key, clfs.RootID, 1, 3, 3, 0))
	if first := clfs.SegmentID(key, clfs.RootID, 0, 0); first != clfs.SegmentID(key, clfs.RootID, 0, 0) {
		t.Error("the same arguments give another id")
	}
}

// Ids in journals of earlier releases must stay what they were.
func TestDerivedIDsAreHMACSHA256(t *testing.T) {
	key := clfs.Key{1, 2, 3}
	owner := clfs.NewHandle(key, 5, clfs.RootID, clfs.TypeRegular, 0, 1001)
	mac := hmac.New(sha256.New, key[:])
	mac.Write([]byte{'s', 24})
	mac.Write([]byte(owner))
	for _, n := range []uint64{6, 7, 0} {
		mac.Write(binary.LittleEndian.AppendUint64(nil, n))
	}
	sum := mac.Sum(nil)
	sum[6], sum[8] = sum[6]&0x0f|0x40, sum[8]&0x3f|0x80
	if got := clfs.SegmentID(key, owner, 6, 7); got != clfs.ID(sum[:16]) {
		t.Errorf("segment id %s, want %X", got, sum[:16])
	}
}
