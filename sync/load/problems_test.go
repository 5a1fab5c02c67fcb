package load

import (
	"strconv"
	"strings"
	"testing"

	"clfsload/sync/report"
)

func TestQuotedPathsAreOneLineAndUnambiguous(t *testing.T) {
	seen := map[string]string{}
	for path, want := range map[string]string{
		"a/plain path":    "a/plain path",
		"a/ümlaut \\n":    "a/ümlaut \\n",
		"a/new\nline":     `"a/new\nline"`,
		"odd\xffbyte":     `"odd\xffbyte"`,
		"tab\t":           `"tab\t"`,
		`"quoted"`:        `"\"quoted\""`,
		`"a/new\nline"`:   `"\"a/new\\nline\""`,
		`in "the" middle`: `in "the" middle`,
		"delete\x7f":      `"delete\x7f"`,
		"csi\u009b2J":     `"csi\u009b2J"`,
		"bidi\u202ecod":   `"bidi\u202ecod"`,
	} {
		got := report.Quote(path)
		if got != want {
			t.Errorf("%q is written as %s, not %s", path, got, want)
		}
		if other, twice := seen[got]; twice {
			t.Errorf("%q and %q are both written as %s", path, other, got)
		}
		seen[got] = path
		if strings.HasPrefix(got, `"`) {
			if back, err := strconv.Unquote(got); err != nil || back != path {
				t.Errorf("%s reads as %q: %v", got, back, err)
			}
		}
	}
}

func TestPathsInJSONKeepTheirBytes(t *testing.T) {
	for _, path := range []string{"", "plain", "odd\xff\n", "\xed\xa0\x80"} {
		if got := report.NewPath(path).Bytes(); got != path {
			t.Errorf("%q came back as %q", path, got)
		}
	}
	if v := report.NewPath("ü"); v.PathBase64 != "" {
		t.Errorf("a path that is UTF-8 has %q", v.PathBase64)
	}
}

func TestReasonsHaveTheNamesOfSystemErrors(t *testing.T) {
	names := errnoNames()
	for reason, want := range map[string]string{
		"permission denied": "EACCES", "input/output error": "EIO", "no such file or directory": "ENOENT", "something else": "",
	} {
		if names[reason] != want {
			t.Errorf("%q is %q, not %s", reason, names[reason], want)
		}
	}
}
