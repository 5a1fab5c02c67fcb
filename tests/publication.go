package tests

import (
	"os"
	"path/filepath"
	"testing"
)

// finished is what flush, publish and unmount say with --json.
type finished struct {
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

// stagedFiles are the files that wait in a state.
func stagedFiles(t *testing.T, state string) (files []string) {
	t.Helper()
	must(t, filepath.WalkDir(filepath.Join(state, "staging"), func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			files = append(files, path)
		}
		return err
	}))
	return files
}
