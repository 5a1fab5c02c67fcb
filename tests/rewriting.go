package tests

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// rewriting is a directory of large files, and a mount that is to hold the same.
type rewriting struct {
	*intake
	source string
}

// The files have no whole segment that would be given up by itself.
const (
	rewrittenFiles = 10
	rewrittenSize  = 7 << 20
)

// rewrite gives each file new contents in both places: most of them whole, the last two
// in their first and their last bytes.
func (r *rewriting) rewrite(round int) {
	r.t.Helper()
	at := time.Date(2026, 1, 2, 3, round, 0, 0, time.UTC)
	for n := range rewrittenFiles {
		line := fmt.Appendf(nil, "%d of round %d\n", n, round)
		for _, directory := range []string{r.source, r.point} {
			path := filepath.Join(directory, fmt.Sprint("file-", n))
			if round > 0 && n >= rewrittenFiles-2 {
				writeAt(r.t, path, line, 5, rewrittenSize-100)
			} else {
				must(r.t, os.WriteFile(path, bytes.Repeat(line, rewrittenSize/len(line)), 0o644))
			}
			must(r.t, os.Chtimes(path, at, at))
		}
	}
}

// mustBeRead wants the mount to show what the source holds.
func (r *rewriting) mustBeRead() {
	r.t.Helper()
	for n := range rewrittenFiles {
		name := fmt.Sprint("file-", n)
		want, err := os.ReadFile(filepath.Join(r.source, name))
		must(r.t, err)
		if got, err := os.ReadFile(r.path(name)); err != nil || !bytes.Equal(got, want) {
			r.t.Errorf("%s: %d bytes, which are not the %d wanted: %v", name, len(got), len(want), err)
		}
	}
}
