package main

import (
	"encoding/json"
	"testing"

	"clfsload/clfs"
	"clfsload/clfs/object"
)

func TestModesLookAsInLs(t *testing.T) {
	for _, c := range []struct {
		kind clfs.Type
		mode uint32
		want string
	}{
		{clfs.TypeRegular, 0o644, "-rw-r--r--"},
		{clfs.TypeDirectory, 0o1777, "drwxrwxrwt"},
		{clfs.TypeDirectory, 0o1776, "drwxrwxrwT"},
		{clfs.TypeRegular, 0o4755, "-rwsr-xr-x"},
		{clfs.TypeRegular, 0o6644, "-rwSr-Sr--"},
		{clfs.TypeRegular, 0, "----------"},
		{clfs.TypeSymlink, 0o777, "lrwxrwxrwx"},
		{clfs.TypeBlock, 0o640, "brw-r-----"},
		{clfs.TypeChar, 0o2750, "crwxr-s---"},
		{clfs.TypeSocket, 0o755, "srwxr-xr-x"},
		{clfs.TypeFIFO, 0o600, "prw-------"},
	} {
		if got := modeText(object.Attr{Type: c.kind, Mode: c.mode}); got != c.want {
			t.Errorf("%s %04o: %s, want %s", c.kind, c.mode, got, c.want)
		}
	}
}

func TestNamesThatUpsetATerminalAreQuotedThere(t *testing.T) {
	for name, want := range map[string]string{
		"plain": "plain", "with space": "with space", "ünïcödé ☃": "ünïcödé ☃",
		"new\nline": `"new\nline"`, "escape\x1b[2J": `"escape\x1b[2J"`, "not-utf8-\xff": `"not-utf8-\xff"`,
		"csi\u009b2J": `"csi\u009b2J"`, "right\u202eto left": `"right\u202eto left"`, "zero\u200bwidth": `"zero\u200bwidth"`,
	} {
		if got := quotedOn(true, name); got != want {
			t.Errorf("%q on a terminal: %s, want %s", name, got, want)
		}
		if got := quotedOn(false, name); got != name {
			t.Errorf("%q in a pipe: %q", name, got)
		}
	}
}

func TestNamesOfAnyBytesSurviveJSON(t *testing.T) {
	for _, name := range []string{"plain", "\xff\xfe", "\"quoted\"\n", "a\x00b"} {
		raw, err := json.Marshal(newText(name))
		if err != nil {
			t.Fatal(err)
		}
		var back textJSON
		if err := json.Unmarshal(raw, &back); err != nil {
			t.Fatal(err)
		}
		got := back.Text
		if back.Bytes != nil {
			got = string(back.Bytes)
		}
		if got != name {
			t.Errorf("%q came back as %q", name, got)
		}
	}
}
