package clfs_test

import (
	"testing"

	"clfsload/clfs"
)

func TestParseNameRefusesEveryOtherSpelling(t *testing.T) {
	const (
		v2 = "CFBC5C00003FA141_F7AA1C9C11BDFB90F5889051C039FEF3263620202D31C4B0.0004.CCB63498217F6F8C.00000000009.FFFFFFFF.0002"
		v1 = "00000063_00000000000000000000000000000063.00000000009.FFFFFFFF.0001"
	)
	for _, good := range []string{v1, v2} {
		if _, err := clfs.ParseName(good); err != nil {
			t.Fatal(err)
		}
	}
	for name, bad := range map[string]string{
		"empty":                "",
		"log file":             "clfsload-1.log",
		"temporary":            "tmp" + v1,
		"form 1 marked 2":      "00000063_00000000000000000000000000000063.00000000009.FFFFFFFF.0002",
		"form 3":               v2[:len(v2)-1] + "3",
		"small hex":            "cfbc5c00003fa141" + v2[16:],
		"other hash":           "CFBC5C00003FA142" + v2[16:],
		"other id":             v2[:17] + "E" + v2[18:],
		"no id":                "CFBC5C00003FA141_.0004.CCB63498217F6F8C.00000000009.FFFFFFFF.0002",
		"type of 5 digits":     v2[:66] + "00004" + v2[70:],
		"type no number":       v2[:66] + "00+4" + v2[70:],
		"owner of 15 digits":   v2[:71] + v2[72:],
		"version above u32":    "00000063_00000000000000000000000000000063.04294967296.FFFFFFFF.0001",
		"version of 10":        "00000063_00000000000000000000000000000063.0000000009.FFFFFFFF.0001",
		"snapshot of 7":        "00000063_00000000000000000000000000000063.00000000009.FFFFFFF.0001",
		"bytes behind":         v1 + " ",
		"field more":           v1 + ".0001",
		"no hash":              "00000000000000000000000000000063.00000000009.FFFFFFFF.0001",
		"id of 65 bytes":       "00000000_" + clfs.ID(make([]byte, 65)).String() + ".00000000009.FFFFFFFF.0001",
		"odd number of digits": "00000063_0000000000000000000000000000063.00000000009.FFFFFFFF.0001",
	} {
		if n, err := clfs.ParseName(bad); err == nil {
			t.Errorf("%s: %q was read as %+v", name, bad, n)
		}
	}
}

func TestNameLengthsAreAsDrawn(t *testing.T) {
	if n := len(clfs.ObjectName(clfs.NullHandle, clfs.RootID, clfs.TypeRegular, clfs.FirstVersion)); n != 113 {
		t.Errorf("the name of a filehandle's object has %d bytes, want 113", n)
	}
	if n := len(clfs.ObjectName(clfs.BucketID, "", clfs.TypeSpecial, clfs.FirstVersion)); n != 67 {
		t.Errorf("the bucket object's name has %d bytes, want 67", n)
	}
}

func TestTypesMatchModes(t *testing.T) {
	for typ, bits := range map[clfs.Type]uint32{
		clfs.TypeRegular: 0o100000, clfs.TypeDirectory: 0o040000, clfs.TypeBlock: 0o060000, clfs.TypeChar: 0o020000,
		clfs.TypeSymlink: 0o120000, clfs.TypeSocket: 0o140000, clfs.TypeFIFO: 0o010000,
	} {
		got, err := clfs.TypeOfMode(bits | 0o7777)
		if err != nil || got != typ || typ.ModeBits() != bits || !typ.IsInode() {
			t.Errorf("mode %#o: %s, %v, bits %#o", bits, got, err, typ.ModeBits())
		}
	}
	if typ, err := clfs.TypeOfMode(0o150000); err == nil {
		t.Errorf("an unknown mode is a %s", typ)
	}
	for typ, inode := range map[clfs.Type]bool{0: false, clfs.TypeSegment: false, clfs.TypeIndirect: false, clfs.TypeTombstone: false, clfs.TypeSpecial: false, clfs.TypeHardLink: true, 99: false} {
		if typ.IsInode() != inode || typ.ModeBits() != 0 {
			t.Errorf("%s: inode %v, mode bits %#o", typ, typ.IsInode(), typ.ModeBits())
		}
	}
}
