package load

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"clfsload/tests/harness"
	"clfsload/tests/trees"
)

// filterTree has sources, objects, and a cache that only root may read.
func filterTree(t *testing.T) string {
	t.Helper()
	source := t.TempDir()
	for _, path := range []string{"main.c", "main.o", "lib/lib.c", "lib/lib.o", "lib/keep.o", "cache/x.c", "docs/cache", "docs/readme"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(source, path)), 0o755); err != nil {
			t.Fatal(err)
		}
		harness.WriteFile(t, filepath.Join(source, path), path)
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
			tr := harness.NewTransfer(t, source)
			harness.Clfsload(t, tr.Begin(c.flags...)...).MustExit(harness.ExitOK)
			tree := trees.ReadContainer(t, trees.DirectoryBlobs(t, tr.Blobs)).Tree
			got := slices.DeleteFunc(slices.Sorted(maps.Keys(tree)), func(p string) bool { return p == "" || p == "." || p == "/" })
			if !slices.Equal(got, c.paths) {
				t.Errorf("loaded %q\nwant   %q", got, c.paths)
			}
			verify := []string{"verify", "--source", source, "dir:" + tr.Blobs}
			harness.Clfsload(t, append(verify, c.flags...)...).MustExit(harness.ExitOK).MustSay("sound")
			harness.Clfsload(t, verify...).MustExit(harness.ExitDamaged).MustSay("is in the source, but not in the container")
		})
	}
}

func TestAnExcludedDirectoryIsNotEntered(t *testing.T) {
	source := filterTree(t)
	harness.OpenToAll(t, source)
	if err := os.Chmod(filepath.Join(source, "cache"), 0o700); err != nil {
		t.Fatal(err)
	}
	directory := t.TempDir()
	harness.OpenToAll(t, directory)
	tr := harness.Transfer{State: filepath.Join(directory, "state"), Source: source, Blobs: filepath.Join(directory, "container")}
	r := harness.Command(t, tr.Begin("--exclude", "cache/"))
	harness.AsNobody(r.Command)
	r.Start().Wait().MustExit(harness.ExitOK)
}

func TestPatternsOfVerifyTellWhatASourceHasMore(t *testing.T) {
	tr := harness.NewTransfer(t, filterTree(t))
	harness.Clfsload(t, tr.Begin("--exclude", "*.o")...).MustExit(harness.ExitOK)
	target := "dir:" + tr.Blobs
	harness.Clfsload(t, "verify", "--source", tr.Source, "--exclude", "*.o", target).MustExit(harness.ExitOK)
	harness.Clfsload(t, "verify", "--exclude", "*.o", target).MustExit(harness.ExitUsage).MustSay("--source")
	harness.Clfsload(t, "verify", "--source", tr.Source, "--exclude", "[z", target).MustExit(harness.ExitUsage).MustSay("[z")
	harness.WriteFile(t, filepath.Join(tr.Source, "late.c"), "late")
	harness.Clfsload(t, "verify", "--source", tr.Source, "--exclude", "*.o", target).MustExit(harness.ExitDamaged).MustSay(`"/late.c"`)
}

func TestPatternsBelongToTheTransfer(t *testing.T) {
	tr := harness.NewTransfer(t, filterTree(t))
	harness.Clfsload(t, tr.Begin("--exclude", "*.o", "--exclude", "[z")...).MustExit(harness.ExitUsage).MustSay("[z").MustBeOneLine()
	harness.Clfsload(t, tr.Begin("--exclude", "*.o", "--include", "*.c", "--include", "*.o")...).MustExit(harness.ExitOK)
	harness.Clfsload(t, tr.Resume()...).MustExit(harness.ExitOK)
	harness.Clfsload(t, tr.Resume("--exclude", "*.o", "--include", "*.c", "--include", "*.o")...).MustExit(harness.ExitOK)
	harness.Clfsload(t, tr.Resume("--exclude", "*.x")...).MustExit(harness.ExitState).MustSay("--exclude").MustBeOneLine()
	harness.Clfsload(t, tr.Resume("--include", "*.c")...).MustExit(harness.ExitState).MustSay("--include").MustBeOneLine()
}
