package tests

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// filterTree has sources, objects, and a cache that only root may read.
func filterTree(t *testing.T) string {
	t.Helper()
	source := t.TempDir()
	for _, path := range []string{"main.c", "main.o", "lib/lib.c", "lib/lib.o", "lib/keep.o", "cache/x.c", "docs/cache", "docs/readme"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(source, path)), 0o755); err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(source, path), path)
	}
	return source
}

func TestPatternsChooseWhatIsLoaded(t *testing.T) {
	source := filterTree(t)
	for title, c := range map[string]struct {
		flags []string
		paths []string
	}{
		"exclude":  {[]string{"--exclude", "*.o", "--exclude", "cache/"}, []string{"docs", "docs/cache", "docs/readme", "lib", "lib/lib.c", "main.c"}},
		"again":    {[]string{"--exclude=*.o", "--exclude=!keep.o", "--exclude=/cache"}, []string{"docs", "docs/cache", "docs/readme", "lib", "lib/keep.o", "lib/lib.c", "main.c"}},
		"include":  {[]string{"--include", "*.c", "--exclude", "/cache/"}, []string{"docs", "lib", "lib/lib.c", "main.c"}},
		"below":    {[]string{"--include", "/docs/"}, []string{"cache", "docs", "docs/cache", "docs/readme", "lib"}},
		"anchored": {[]string{"--exclude", "lib/*.o"}, []string{"cache", "cache/x.c", "docs", "docs/cache", "docs/readme", "lib", "lib/lib.c", "main.c", "main.o"}},
	} {
		t.Run(title, func(t *testing.T) {
			tr := newTransfer(t, source)
			clfsload(t, tr.begin(c.flags...)...).mustExit(exitOK)
			tree := readContainer(t, directoryBlobs(t, tr.blobs)).Tree
			got := slices.DeleteFunc(slices.Sorted(maps.Keys(tree)), func(p string) bool { return p == "" || p == "." || p == "/" })
			if !slices.Equal(got, c.paths) {
				t.Errorf("loaded %q\nwant   %q", got, c.paths)
			}
			verify := []string{"verify", "--source", source, "dir:" + tr.blobs}
			clfsload(t, append(verify, c.flags...)...).mustExit(exitOK).mustSay("sound")
			clfsload(t, verify...).mustExit(exitDamaged).mustSay("is in the source, but not in the container")
		})
	}
}

func TestAnExcludedDirectoryIsNotEntered(t *testing.T) {
	source := filterTree(t)
	openToAll(t, source)
	if err := os.Chmod(filepath.Join(source, "cache"), 0o700); err != nil {
		t.Fatal(err)
	}
	directory := t.TempDir()
	openToAll(t, directory)
	tr := transfer{state: filepath.Join(directory, "state"), source: source, blobs: filepath.Join(directory, "container")}
	r := command(t, tr.begin("--exclude", "cache/"))
	asNobody(r.command)
	r.start().wait().mustExit(exitOK)
}

func TestPatternsOfVerifyTellWhatASourceHasMore(t *testing.T) {
	tr := newTransfer(t, filterTree(t))
	clfsload(t, tr.begin("--exclude", "*.o")...).mustExit(exitOK)
	target := "dir:" + tr.blobs
	clfsload(t, "verify", "--source", tr.source, "--exclude", "*.o", target).mustExit(exitOK)
	clfsload(t, "verify", "--exclude", "*.o", target).mustExit(exitUsage).mustSay("--source")
	clfsload(t, "verify", "--source", tr.source, "--exclude", "[z", target).mustExit(exitUsage).mustSay("[z")
	writeFile(t, filepath.Join(tr.source, "late.c"), "late")
	clfsload(t, "verify", "--source", tr.source, "--exclude", "*.o", target).mustExit(exitDamaged).mustSay(`"/late.c"`)
}

func TestPatternsBelongToTheTransfer(t *testing.T) {
	tr := newTransfer(t, filterTree(t))
	clfsload(t, tr.begin("--exclude", "*.o", "--exclude", "[z")...).mustExit(exitUsage).mustSay("[z").mustBeOneLine()
	clfsload(t, tr.begin("--exclude", "*.o", "--include", "*.c", "--include", "*.o")...).mustExit(exitOK)
	clfsload(t, tr.resume()...).mustExit(exitOK)
	clfsload(t, tr.resume("--exclude", "*.o", "--include", "*.c", "--include", "*.o")...).mustExit(exitOK)
	clfsload(t, tr.resume("--exclude", "*.x")...).mustExit(exitState).mustSay("--exclude").mustBeOneLine()
	clfsload(t, tr.resume("--include", "*.c")...).mustExit(exitState).mustSay("--include").mustBeOneLine()
}
