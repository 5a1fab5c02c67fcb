package into

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"clfsload/tests/harness"
	"clfsload/tests/trees"
)

// timesOf are the times of modification of all files of a directory.
func timesOf(t *testing.T, directory string) (lines []string) {
	t.Helper()
	harness.Must(t, filepath.WalkDir(directory, func(path string, d fs.DirEntry, err error) error {
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
	n.load().MustExit(harness.ExitOK)
	harness.Must(t, os.Remove(filepath.Join(n.source, "new")))
	harness.WriteFile(t, filepath.Join(n.source, "another"), "one")
	flags := []string{"--update", "--delete"}
	before := append(timesOf(t, n.state), timesOf(t, n.blobs)...)
	bytes := append(harness.BytesOf(t, n.state), harness.BytesOf(t, n.blobs)...)
	p := n.plan(flags...)
	trees.ReportLines(t, "files were touched", harness.LinesWithout(append(timesOf(t, n.state), timesOf(t, n.blobs)...), before))
	trees.ReportLines(t, "files were changed", harness.LinesWithout(append(harness.BytesOf(t, n.state), harness.BytesOf(t, n.blobs)...), bytes))
	n.again(flags...).MustExit(harness.ExitOK)
	mustEqualCounts(t, p.Entries, n.entries())
	if p.Entries["added"] != 1 || p.Entries["removed"] != 2 {
		t.Errorf("foretold %v", p.Entries)
	}
}
