package clfs

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// MaxIDBytes is the longest id a reader takes (docs/clfs-format.md section 8).
const MaxIDBytes = 64

// An ID is the identity of an object: raw bytes in a string, so that it can be
// compared and used as a map key. Well-known ids and block ids have 16 bytes,
// filehandles 24; readers treat 1 to [MaxIDBytes] bytes as opaque
// (docs/clfs-format.md section 1).
type ID string

const (
	wellKnownPrefix = "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"

	// NullBlock stands in block lists where there is no block.
	NullBlock ID = wellKnownPrefix + "\x00"
	// NullHandle is the filehandle of nothing.
	NullHandle ID = "\x00\x00\x00\x00\x00\x00\x00\x00" + NullBlock
)

// The well-known ids (docs/clfs-format.md section 1).
const (
	InProgressID   ID = wellKnownPrefix + "\x62" // CLFSLoad's own, temporary
	BucketID       ID = wellKnownPrefix + "\x63"
	RootID         ID = wellKnownPrefix + "\x64"
	SpaceTrackerID ID = wellKnownPrefix + "\x65"
	OrphanParentID ID = wellKnownPrefix + "\x66"
	SnapshotDBID   ID = wellKnownPrefix + "\x67"
)

// IsNull reports whether the id is empty or holds zero bytes only.
func (id ID) IsNull() bool {
	for i := 0; i < len(id); i++ {
		if id[i] != 0 {
			return false
		}
	}
	return true
}

// String is the id in capital hex digits, as in blob names.
func (id ID) String() string {
	return strings.ToUpper(hex.EncodeToString([]byte(id)))
}

// Hash is [Hash64] of the id.
func (id ID) Hash() uint64 { return Hash64(id) }

// ParseID reads hex digits of either case, 1 to [MaxIDBytes] bytes.
func ParseID(hexText string) (ID, error) {
	raw, err := hex.DecodeString(hexText)
	if err != nil {
		return "", fmt.Errorf("parse id %q: %w", hexText, err)
	}
	if len(raw) == 0 || len(raw) > MaxIDBytes {
		return "", fmt.Errorf("parse id %q: %d bytes, want 1 to %d", hexText, len(raw), MaxIDBytes)
	}
	return ID(raw), nil
}
