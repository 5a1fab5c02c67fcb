package clfs

// A blob's name says which object it holds (docs/clfs-format.md section 2):
//
//	V2  HASH64(id)_ID.TYPE.HASH64(owner).VERSION.SNAPSHOT.0002
//	    16 hex, hex, 4 decimal, 16 hex, 11 decimal, 8 hex: 113 bytes for a filehandle
//	V1  FNV1(id)_ID.VERSION.SNAPSHOT.0001
//	    8 hex, hex, 11 decimal, 8 hex: 67 bytes for a well-known id

import (
	"encoding/hex"
	"fmt"
	"strings"
)

const (
	// FirstVersion is the version of an object that was written once.
	FirstVersion uint32 = 9
	// LiveSnapshot is the snapshot field of the live file system.
	LiveSnapshot uint32 = 0xFFFFFFFF

	formV1 = 1
	formV2 = 2
)

// A Name is a blob's name taken apart.
type Name struct {
	ID        ID
	Type      Type   // 0 in form 1, which does not say
	OwnerHash uint64 // hash64 of the owner's id; 0 in form 1
	Version   uint32 // the highest of an id is the live one
	Snapshot  uint32 // LiveSnapshot for the live file system
	Form      int    // 1 or 2
}

// usesV1 reports whether an object's name has the older form.
func usesV1(id ID) bool {
	return id == BucketID || id == SpaceTrackerID || id == OrphanParentID || id == SnapshotDBID
}

// ObjectName names the blob of version version of an object of the live file
// system. The root directory owns itself and is a directory whatever is given;
// the service's special objects have names without type and owner.
func ObjectName(id, owner ID, t Type, version uint32) string {
	if usesV1(id) {
		return Name{ID: id, Version: version, Snapshot: LiveSnapshot, Form: formV1}.String()
	}
	if id == RootID {
		owner, t = RootID, TypeDirectory
	}
	return Name{ID: id, Type: t, OwnerHash: owner.Hash(), Version: version, Snapshot: LiveSnapshot, Form: formV2}.String()
}

// NamePrefix is what the names of all versions of an object begin with,
// whoever owns it.
func NamePrefix(id ID) string {
	var b [2*MaxIDBytes + 18]byte
	return string(appendNamePrefix(b[:0], id, usesV1(id)))
}

func appendNamePrefix(dst []byte, id ID, v1 bool) []byte {
	if v1 {
		dst = appendHex(dst, uint64(FNV1(id)), 8)
	} else {
		dst = appendHex(dst, id.Hash(), 16)
	}
	dst = append(dst, '_')
	for i := 0; i < len(id); i++ {
		dst = append(dst, hexDigits[id[i]>>4], hexDigits[id[i]&15])
	}
	return append(dst, '.')
}

// String is the blob's name.
func (n Name) String() string {
	var b [2*MaxIDBytes + 64]byte
	dst := appendNamePrefix(b[:0], n.ID, n.Form == formV1)
	if n.Form != formV1 {
		dst = append(appendDecimal(dst, uint64(n.Type), 4), '.')
		dst = append(appendHex(dst, n.OwnerHash, 16), '.')
	}
	dst = append(appendDecimal(dst, uint64(n.Version), 11), '.')
	dst = append(appendHex(dst, uint64(n.Snapshot), 8), '.')
	return string(appendDecimal(dst, uint64(n.Form), 4))
}

const hexDigits = "0123456789ABCDEF"

func appendHex(dst []byte, v uint64, width int) []byte {
	for i := width - 1; i >= 0; i-- {
		dst = append(dst, hexDigits[v>>(4*i)&15])
	}
	return dst
}

// appendDecimal appends the last width digits of v.
func appendDecimal(dst []byte, v uint64, width int) []byte {
	start := len(dst)
	for range width {
		dst = append(dst, '0')
	}
	for i := len(dst) - 1; i >= start && v > 0; i-- {
		dst[i] = byte('0' + v%10)
		v /= 10
	}
	return dst
}

// ParseName takes a blob's name apart. It accepts exactly the names that
// [Name.String] gives back unchanged, and checks that the hash in front is the
// id's. The error does not tell a log file from a damaged name.
func ParseName(s string) (Name, error) {
	n, err := parseFields(strings.Split(s, "."))
	if err != nil {
		return Name{}, fmt.Errorf("parse blob name %q: %w", s, err)
	}
	if n.String() != s {
		return Name{}, fmt.Errorf("parse blob name %q: not in its only valid form (%s)", s, n)
	}
	return n, nil
}

func parseFields(fields []string) (n Name, err error) {
	switch {
	case len(fields) == 4 && fields[3] == "0001":
		n.Form = formV1
	case len(fields) == 6 && fields[5] == "0002":
		n.Form = formV2
	default:
		return n, fmt.Errorf("neither of form 1 nor of form 2")
	}
	_, id, found := strings.Cut(fields[0], "_")
	if !found {
		return n, fmt.Errorf("no id")
	}
	if n.ID, err = ParseID(id); err != nil {
		return n, err
	}
	rest := fields[1:]
	if n.Form == formV2 {
		if n.Type, n.OwnerHash, err = parseTypeAndOwner(rest); err != nil {
			return n, err
		}
		rest = rest[2:]
	}
	n.Version, n.Snapshot, err = parseVersionAndSnapshot(rest)
	return n, err
}

func parseTypeAndOwner(fields []string) (Type, uint64, error) {
	t, err := parseDecimal(fields[0], 4, 9999)
	if err != nil {
		return 0, 0, err
	}
	owner, err := parseHex(fields[1], 16)
	return Type(t), owner, err
}

func parseVersionAndSnapshot(fields []string) (version, snapshot uint32, err error) {
	v, err := parseDecimal(fields[0], 11, 0xFFFFFFFF)
	if err != nil {
		return 0, 0, err
	}
	s, err := parseHex(fields[1], 8)
	return uint32(v), uint32(s), err
}

func parseDecimal(s string, width int, most uint64) (v uint64, err error) {
	if len(s) != width {
		return 0, fmt.Errorf("%q: want %d digits", s, width)
	}
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return 0, fmt.Errorf("%q: not a decimal number", s)
		}
		v = v*10 + uint64(s[i]-'0')
	}
	if v > most {
		return 0, fmt.Errorf("%q: above %d", s, most)
	}
	return v, nil
}

func parseHex(s string, width int) (v uint64, err error) {
	if len(s) != width {
		return 0, fmt.Errorf("%q: want %d hex digits", s, width)
	}
	raw, err := hex.DecodeString(s)
	if err != nil {
		return 0, fmt.Errorf("%q: %w", s, err)
	}
	for _, b := range raw {
		v = v<<8 | uint64(b)
	}
	return v, nil
}
