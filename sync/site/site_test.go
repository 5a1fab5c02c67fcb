package site

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/moby/sys/mountinfo"
)

// The table of a machine where /srv is a disk of its own, /srv/data is seen at /alias,
// /srv/data/sub at /sub, and /other at /srv/data/mnt.
var someMounts = []*mountinfo.Info{
	{Mountpoint: "/", Major: 8, Minor: 1, Root: "/"},
	{Mountpoint: "/srv", Major: 8, Minor: 2, Root: "/"},
	{Mountpoint: "/alias", Major: 8, Minor: 2, Root: "/data"},
	{Mountpoint: "/sub", Major: 8, Minor: 2, Root: "/data/sub"},
	{Mountpoint: "/srv/data/mnt", Major: 8, Minor: 1, Root: "/other"},
}

func TestSitesOverlapThroughEveryMount(t *testing.T) {
	for _, c := range []struct {
		path, in string
		want     bool
	}{
		{"/srv/data/x", "/srv/data", true},
		{"/srv/data", "/srv/data", true},
		{"/srv/database", "/srv/data", false},
		{"/alias/x", "/srv/data", true},
		{"/sub/x/y", "/srv/data", true},
		{"/sub", "/srv/data/sub", true},
		{"/srv/data/sub/x", "/alias", true},
		{"/srv/data/sub/x", "/sub", true},
		{"/other/x", "/srv/data", true},
		{"/srv/data/mnt/x", "/other", true},
		{"/srv/data/mnt/x", "/srv/data", true},
		{"/another/x", "/srv/data", false},
		{"/srv", "/srv/data", false},
		{"/data/x", "/srv/data", false}, // the same path on another disk
	} {
		got := locate("a", c.path, someMounts).liesIn(locate("b", c.in, someMounts))
		if got != c.want {
			t.Errorf("%s in %s: %t", c.path, c.in, got)
		}
	}
}

func TestPathsAreResolvedAsTheKernelDoes(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "a", "b"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, to := range map[string]string{"link": "a/b", "dangling": "a/new", "absolute": dir + "/a/gone/x", "loop": "loop"} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]string{
		"a/b": "a/b", "link": "a/b", "link/..": "a", "link/../new/deep": "a/new/deep", "dangling": "a/new", "dangling/x": "a/new/x",
		"absolute": "a/gone/x", "loop/x": "loop/x", "none/": "none", "./a/./new": "a/new",
	} {
		if got := EvalExisting(dir + "/" + path); got != filepath.Join(dir, want) {
			t.Errorf("%s is %s, want %s", path, got, want)
		}
	}
}
