package flags

import "testing"

func TestRates(t *testing.T) {
	for text, want := range map[string]int64{"200M": 200e6, "1MiB": 1 << 20, "512": 512, "off": 0, "OFF": 0, "5M/s": 5e6} {
		var r Rate
		if err := r.Set(text); err != nil || int64(r) != want {
			t.Errorf("%s is %d: %v", text, r, err)
		}
	}
	for _, text := range []string{"", "0", "-1", "fast", "200X"} {
		var r Rate
		if err := r.Set(text); err == nil {
			t.Errorf("%q is taken as %d", text, r)
		}
	}
}
