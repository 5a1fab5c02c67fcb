package publish

import (
	"bytes"
	"strings"
	"testing"

	"clfsload/state"
)

func TestStandInsAreNamesOfTheirOwn(t *testing.T) {
	for _, c := range []struct {
		ino   state.Ino
		again int
		name  string
		want  string
	}{
		{1003, 0, "x", ".clfsload-moved-1003-x"},
		{1003, 2, "x", ".clfsload-moved-1003.2-x"},
		{7, 0, strings.Repeat("n", 255), ".clfsload-moved-7-6d2ed67b-" + strings.Repeat("n", 228)},
		{7, 0, strings.Repeat("é", 127), ".clfsload-moved-7-46c96638-" + strings.Repeat("é", 114)},
		{7, 0, "n" + strings.Repeat("€", 84), ".clfsload-moved-7-30010e8e-n" + strings.Repeat("€", 75)},
		{7, 0, strings.Repeat("\x80", 255), ".clfsload-moved-7-613c861d-" + strings.Repeat("\x80", 224)},
	} {
		got := standInName(c.ino, c.again, []byte(c.name))
		if !bytes.Equal(got, []byte(c.want)) {
			t.Errorf("%d, %d, %.20q…: %q, want %q", c.ino, c.again, c.name, got, c.want)
		}
	}
}
