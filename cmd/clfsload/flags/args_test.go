package flags

import "testing"

func TestASizeIsWrittenAsItWasGiven(t *testing.T) {
	for _, text := range []string{"24M", "96MiB", "1GiB", "1500k", "3T", "7", "0"} {
		var b Size
		if err := b.Set(text); err != nil || b.String() != text {
			t.Errorf("%s: %s, %v", text, b.String(), err)
		}
	}
	var b Size
	if err := b.Set("67108864"); err != nil || b.String() != "64MiB" {
		t.Errorf("64 MiB in bytes: %s, %v", b.String(), err)
	}
}
