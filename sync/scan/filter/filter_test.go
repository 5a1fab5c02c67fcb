package filter

import (
	"path"
	"testing"
)

// takes asks for one path as a scan does: directory by directory.
func takes(f *Filter, p string, isDir bool) bool {
	dir, name := path.Split(p)
	dir = path.Clean(dir)
	if dir == "." {
		return f.At("").Takes(name, isDir)
	}
	return takes(f, dir, true) && f.At(dir).Takes(name, isDir)
}

func TestPatternsMatchAsInGitignore(t *testing.T) {
	for _, c := range []struct {
		pattern   string
		path      string
		directory bool
		excluded  bool
	}{
		{"*.o", "a.o", false, true},
		{"*.o", "deep/er/a.o", false, true},
		{"*.o", "a.o/inside", false, true},
		{"*.o", "a.oo", false, false},
		{"core", "deep/core", false, true},
		{"core", "score", false, false},
		{"cache/", "deep/cache", true, true},
		{"cache/", "deep/cache", false, false},
		{"cache/", "cache/x", false, true},
		{"/scratch", "scratch", true, true},
		{"/scratch", "deep/scratch", true, false},
		{"src/*.o", "src/a.o", false, true},
		{"src/*.o", "src/deep/a.o", false, false},
		{"src/*.o", "x/src/a.o", false, false},
		{"**/tmp/*.log", "a/b/tmp/x.log", false, true},
		{"**/tmp/*.log", "tmp/x.log", false, true},
		{"src/**", "src", true, false},
		{"src/**", "src/deep/a", false, true},
		{"src/**/a", "src/a", false, true},
		{"src/**/a", "src/b/c/a", false, true},
		{"[a-c]?", "b1", false, true},
		{"[a-c]?", "d1", false, false},
		{`\*`, "*", false, true},
		{`\*`, "x", false, false},
		{`\!x`, "!x", false, true},
		{"*.{jpg,png}", "x/y.png", false, true},
		{"odd*", "odd\xff\n", false, true},
		{"a b", "a b", false, true},
	} {
		f, err := New(nil, []string{c.pattern})
		if err != nil {
			t.Fatal(err)
		}
		if got := !takes(&f, c.path, c.directory); got != c.excluded {
			t.Errorf("%q excludes %q (directory: %v): %v", c.pattern, c.path, c.directory, got)
		}
	}
}

func TestIncludeTakesOnlyWhatItMatchesAndExcludeWins(t *testing.T) {
	f, err := New([]string{"*.c", "/docs/"}, []string{"*.tmp", "gen/", "!keep.tmp"})
	if err != nil {
		t.Fatal(err)
	}
	for p, want := range map[string]bool{
		"a.c": true, "deep/a.c": true, "a.h": false,
		"docs/x": true, "docs/deep/y": true, "other/docs/x": false,
		"docs/x.tmp": false, "docs/keep.tmp": true, "gen/a.c": false,
	} {
		if got := takes(&f, p, false); got != want {
			t.Errorf("takes %q: %v", p, got)
		}
	}
	if !takes(&f, "empty/directory", true) {
		t.Error("a directory is left out, although something below it may match")
	}
}

func TestWithoutPatternsAllIsTaken(t *testing.T) {
	var f Filter
	if !takes(&f, "a/b", false) {
		t.Error("left out")
	}
}

func TestNewRefusesPatternsThatCannotMatch(t *testing.T) {
	for _, p := range []string{"", "/", "!", "[a-", "{a,b", "//"} {
		if _, err := New([]string{p}, nil); err == nil {
			t.Errorf("pattern %q is accepted", p)
		}
	}
}
