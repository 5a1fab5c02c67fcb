package clfs_test

import (
	"testing"

	"clfsload/clfs"
	"clfsload/clfs/clfstest"
)

func FuzzParseName(f *testing.F) {
	for _, kind := range clfstest.Seeds(f) {
		for _, s := range kind {
			f.Add(s.Name)
		}
	}
	f.Fuzz(func(t *testing.T, s string) {
		if n, err := clfs.ParseName(s); err == nil && n.String() != s {
			t.Fatalf("%q was read as %+v, which is %q", s, n, n)
		}
	})
}
