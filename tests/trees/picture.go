package trees

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"clfsload/tests/harness"
)

// pictureOf is all that a directory holds, but for the files that sqlite makes beside a
// database that it opens: modes, and the contents of everything but of databases, locks and
// logs, which change when they are opened.
func pictureOf(t *testing.T, directory string) (lines []string) {
	t.Helper()
	harness.Must(t, filepath.WalkDir(directory, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		name := d.Name()
		if strings.HasPrefix(name, "journal.sqlite-") {
			return nil
		}
		contents := ""
		if d.Type().IsRegular() && name != "lock" && !strings.HasPrefix(name, "journal.sqlite") && !strings.HasSuffix(name, ".log") {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			contents = string(data)
		}
		lines = append(lines, fmt.Sprintf("%s %s %q", info.Mode(), path, contents))
		return nil
	}))
	return lines
}

// MustLeave runs do, after which a directory must be what it was before.
func MustLeave(t *testing.T, directory string, do func()) {
	t.Helper()
	before := pictureOf(t, directory)
	do()
	after := pictureOf(t, directory)
	ReportLines(t, "what was there is gone or changed", harness.LinesWithout(before, after))
	ReportLines(t, "what is there was not there before", harness.LinesWithout(after, before))
}
