package resume

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"clfsload/tests/harness"
	"clfsload/tests/inventory"
	"clfsload/tests/trees"
)

// resumedContainer unpacks a container of a transfer that CLFSLoad resumed.
func resumedContainer(t *testing.T, archive string) (target string) {
	t.Helper()
	return "dir:" + filepath.Join(unpackGolden(t, archive), "ref-k4")
}

func unpackGolden(t *testing.T, archive string) string {
	t.Helper()
	directory, err := trees.Untar(archive)
	harness.Must(t, err)
	t.Cleanup(func() { os.RemoveAll(directory) })
	return directory
}

func TestContainersThatCLFSLoadResumedAreSoundAndComeOutAsTheirSource(t *testing.T) {
	harness.RequireRoot(t)
	source := filepath.Join(unpackGolden(t, "resumed-source.tar.gz"), "hl2")
	for _, archive := range []string{"clfsload-resumed-1.2.tar.gz", "clfsload-resumed-1.35.tar.gz"} {
		target, dest := resumedContainer(t, archive), filepath.Join(t.TempDir(), "out")
		harness.Clfsload(t, "verify", target).MustExit(harness.ExitOK).MustSay("remark: size:", "remark: name-record:", "sound")
		for _, arguments := range [][]string{{"ls", "-lR"}, {"du"}} {
			if said := harness.Clfsload(t, append(arguments, target)...).MustExit(harness.ExitOK).Stderr; said != "" {
				t.Errorf("%s says %s", arguments[0], said)
			}
		}
		harness.Clfsload(t, "export", target, dest).MustExit(harness.ExitOK)
		trees.ReportLines(t, "the export differs from the source", inventory.Compare(inSeconds(trees.List(t, source)), inSeconds(trees.List(t, dest)), inventory.Scope{HardLinks: true}))
		if out := harness.Clfsload(t, "verify", "--source", source, target).Stdout; strings.Contains(out, "bytes differ") || strings.Contains(out, "damage: size") {
			t.Errorf("compared with the source: %s", harness.Clip(out))
		}
	}
}

// inSeconds cuts times as the archive of the source has them.
func inSeconds(tree inventory.Tree) inventory.Tree {
	cut := inventory.Tree{}
	for path, entry := range tree {
		entry.Mtime.Nsec = 0
		cut[path] = entry
	}
	return cut
}
