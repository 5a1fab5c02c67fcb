package main

import (
	"slices"
	"testing"
)

func TestPathsToWarmBeginAtTheMountPoint(t *testing.T) {
	for _, c := range []struct{ args, want []string }{
		{nil, []string{""}},
		{[]string{"a/b", "/a/b", "a/b/"}, []string{"a/b", "a/b", "a/b"}},
		{[]string{"/mnt/clfs", "/mnt/clfs/a", "/mnt/clfs-2/a"}, []string{"", "a", "mnt/clfs-2/a"}},
	} {
		if got := warmPaths("/mnt/clfs/", c.args); !slices.Equal(got, c.want) {
			t.Errorf("%q: %q, want %q", c.args, got, c.want)
		}
	}
}
