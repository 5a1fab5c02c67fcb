package mounted

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"clfsload/tests/harness"
)

// Rewriting is a directory of large files, and a mount that is to hold the same.
type Rewriting struct {
	*Intake
	Source string
}

// The files have no whole segment that would be given up by itself.
const (
	RewrittenFiles = 10
	rewrittenSize  = 7 << 20
)

// Rewrite gives each file new contents in both places: most of them whole, the last two
// in their first and their last bytes.
func (r *Rewriting) Rewrite(round int) {
	r.T.Helper()
	at := time.Date(2026, 1, 2, 3, round, 0, 0, time.UTC)
	for n := range RewrittenFiles {
		line := fmt.Appendf(nil, "%d of round %d\n", n, round)
		for _, directory := range []string{r.Source, r.Point} {
			path := filepath.Join(directory, fmt.Sprint("file-", n))
			if round > 0 && n >= RewrittenFiles-2 {
				harness.WriteAt(r.T, path, line, 5, rewrittenSize-100)
			} else {
				harness.Must(r.T, os.WriteFile(path, bytes.Repeat(line, rewrittenSize/len(line)), 0o644))
			}
			harness.Must(r.T, os.Chtimes(path, at, at))
		}
	}
}

// MustBeRead wants the mount to show what the source holds.
func (r *Rewriting) MustBeRead() {
	r.T.Helper()
	for n := range RewrittenFiles {
		name := fmt.Sprint("file-", n)
		want, err := os.ReadFile(filepath.Join(r.Source, name))
		harness.Must(r.T, err)
		if got, err := os.ReadFile(r.Path(name)); err != nil || !bytes.Equal(got, want) {
			r.T.Errorf("%s: %d bytes, which are not the %d wanted: %v", name, len(got), len(want), err)
		}
	}
}
