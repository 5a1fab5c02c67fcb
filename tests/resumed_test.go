package tests

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"clfsload/tests/inventory"
)

// resumedContainer unpacks a container of a transfer that CLFSLoad resumed.
func resumedContainer(t *testing.T, archive string) (target string) {
	t.Helper()
	return "dir:" + filepath.Join(unpackGolden(t, archive), "ref-k4")
}

func unpackGolden(t *testing.T, archive string) string {
	t.Helper()
	directory, err := untar(archive)
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(directory) })
	return directory
}

func TestContainersThatCLFSLoadResumedAreSoundAndComeOutAsTheirSource(t *testing.T) {
	requireRoot(t)
	source := filepath.Join(unpackGolden(t, "resumed-source.tar.gz"), "hl2")
	for _, archive := range []string{"clfsload-resumed-1.2.tar.gz", "clfsload-resumed-1.35.tar.gz"} {
		target, dest := resumedContainer(t, archive), filepath.Join(t.TempDir(), "out")
		clfsload(t, "verify", target).mustExit(exitOK).mustSay("remark: size:", "remark: name-record:", "sound")
		for _, arguments := range [][]string{{"ls", "-lR"}, {"du"}} {
			if said := clfsload(t, append(arguments, target)...).mustExit(exitOK).stderr; said != "" {
				t.Errorf("%s says %s", arguments[0], said)
			}
		}
		clfsload(t, "export", target, dest).mustExit(exitOK)
		reportLines(t, "the export differs from the source", inventory.Compare(inSeconds(listTree(t, source)), inSeconds(listTree(t, dest)), inventory.Scope{HardLinks: true}))
		if out := clfsload(t, "verify", "--source", source, target).stdout; strings.Contains(out, "bytes differ") || strings.Contains(out, "damage: size") {
			t.Errorf("compared with the source: %s", clip(out))
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
