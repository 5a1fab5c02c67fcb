package tests

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// timesOf are the times of modification of all files of a directory.
func timesOf(t *testing.T, directory string) (lines []string) {
	t.Helper()
	must(t, filepath.WalkDir(directory, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		lines = append(lines, fmt.Sprint(path, info.ModTime()))
		return err
	}))
	return lines
}

// A plan is made with a copy of STATE.
func TestADryRunWithASTATETouchesNeitherItNorTheContainer(t *testing.T) {
	n := smallInto(t, "/directory")
	n.load().mustExit(exitOK)
	must(t, os.Remove(filepath.Join(n.source, "new")))
	writeFile(t, filepath.Join(n.source, "another"), "one")
	flags := []string{"--update", "--delete"}
	before := append(timesOf(t, n.state), timesOf(t, n.blobs)...)
	bytes := append(bytesOf(t, n.state), bytesOf(t, n.blobs)...)
	p := n.plan(flags...)
	reportLines(t, "files were touched", linesWithout(append(timesOf(t, n.state), timesOf(t, n.blobs)...), before))
	reportLines(t, "files were changed", linesWithout(append(bytesOf(t, n.state), bytesOf(t, n.blobs)...), bytes))
	n.again(flags...).mustExit(exitOK)
	mustEqualCounts(t, p.Entries, n.entries())
	if p.Entries["added"] != 1 || p.Entries["removed"] != 2 {
		t.Errorf("foretold %v", p.Entries)
	}
}
