package load

import (
	"path/filepath"
	"strings"
	"testing"

	"clfsload/tests/harness"
	"clfsload/tests/inventory"
	"clfsload/tests/trees"
)

// loads loads source into a new directory and wants all of it back.
func loads(t *testing.T, source string, scope inventory.Scope, flags ...string) (inventory.Contents, harness.Result) {
	t.Helper()
	before := trees.List(t, source)
	tr := harness.NewTransfer(t, source)
	res := harness.Clfsload(t, tr.Begin(flags...)...).MustExit(harness.ExitOK)
	return trees.MustHold(t, before, trees.DirectoryBlobs(t, tr.Blobs), scope), res
}

func TestLoadKeepsTheGoldenTree(t *testing.T) {
	source := trees.Golden(t)
	for _, c := range []struct {
		name      string
		flags     []string
		hardLinks bool
		lz4       bool
	}{
		{"LZ4", []string{"--compression", "LZ4"}, false, true},
		{"LZ4 hard links", []string{"--preserve-hardlinks"}, true, true},
		{"DISABLED", []string{"--compression", "DISABLED"}, false, false},
		{"DISABLED hard links", []string{"--compression=DISABLED", "--preserve-hardlinks=1"}, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			scope := inventory.Full
			scope.HardLinks = c.hardLinks
			contents, _ := loads(t, source, scope, c.flags...)
			if (contents.LZ4 > 0) != c.lz4 {
				t.Errorf("%d compressed blobs", contents.LZ4)
			}
			if contents.RootName != "tree" {
				t.Errorf("the root is called %q", contents.RootName)
			}
		})
	}
}

func TestLoadKeepsTheGoToolchain(t *testing.T) {
	contents, res := loads(t, trees.GoRoot(t), trees.Shared, "--preserve-hardlinks")
	if contents.RootName != filepath.Base(trees.GoRoot(t)) {
		t.Errorf("the root is called %q", contents.RootName)
	}
	if contents.LZ4 < contents.Objects/2 {
		t.Errorf("only %d blobs of %d files are compressed", contents.LZ4, contents.Objects)
	}
	res.MustSay("published")
}

func TestLoadTakesTheSpellingOfCLFSLoad(t *testing.T) {
	source := trees.Golden(t)
	for name, flags := range map[string][]string{
		"value apart":   {"--preserve_hardlinks", "1", "--compression", "DISABLED"},
		"value joined":  {"--preserve_hardlinks=1"},
		"off":           {"--preserve_hardlinks", "0"},
		"flags first":   {"--dirmgr_count", "3"},
		"uppercase log": {"--log_level", "debug"},
	} {
		t.Run(name, func(t *testing.T) {
			tr := harness.NewTransfer(t, source)
			arguments := append([]string{"load"}, flags...)
			arguments = append(arguments, tr.Begin()[1:]...)
			harness.Clfsload(t, arguments...).MustExit(harness.ExitOK)
			contents := trees.ReadContainer(t, trees.DirectoryBlobs(t, tr.Blobs))
			wantLinked := strings.Contains(strings.Join(flags, " "), "hardlinks 1") || strings.Contains(strings.Join(flags, " "), "hardlinks=1")
			if linked := contents.Tree["links/h2"].Group == "links/h1"; linked != wantLinked {
				t.Errorf("hard links preserved: %v", linked)
			}
		})
	}
}

func TestSecondRunSaysAlreadyComplete(t *testing.T) {
	source := trees.Golden(t)
	tr := harness.NewTransfer(t, source)
	harness.Clfsload(t, tr.Begin()...).MustExit(harness.ExitOK)
	before := trees.ReadContainer(t, trees.DirectoryBlobs(t, tr.Blobs))
	harness.Clfsload(t, tr.Resume()...).MustExit(harness.ExitOK).MustSay("already complete")
	after := trees.ReadContainer(t, trees.DirectoryBlobs(t, tr.Blobs))
	trees.ReportLines(t, "the second run changed the container", inventory.Compare(before.Tree, after.Tree, inventory.Full))
}

func TestVersionIsTold(t *testing.T) {
	harness.Clfsload(t, "--version").MustExit(harness.ExitOK).MustSay("clfsload test")
}

// The listing of an empty source ends before anything else begins: whoever
// waits for work must notice in whatever order it happens.
func TestEmptySourceIsATreeOfItsRootAlone(t *testing.T) {
	source := t.TempDir()
	for range 25 {
		contents, _ := loads(t, source, inventory.Full)
		if contents.Objects != 1 {
			t.Errorf("%d objects", contents.Objects)
		}
	}
}
