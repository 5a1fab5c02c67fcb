package mounted

import (
	"os"
	"path/filepath"
	"testing"

	"clfsload/tests/harness"
)

// Finished is what flush, publish and unmount say with --json.
type Finished struct {
	Uploaded    bool
	Published   bool
	Unmounted   bool
	Error       string
	Code        int
	Target      string
	LeftTotal   int `json:"left_total"`
	Left        []struct{ Path, Why string }
	Objects     int
	Directories int
}

// StagedFiles are the files that wait in a state.
func StagedFiles(t *testing.T, state string) (files []string) {
	t.Helper()
	harness.Must(t, filepath.WalkDir(filepath.Join(state, "staging"), func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			files = append(files, path)
		}
		return err
	}))
	return files
}
