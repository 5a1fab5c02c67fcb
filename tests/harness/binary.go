package harness

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// Scratch is a directory for the whole run of the tests.
var Scratch string

// Main runs the tests of a package, and removes what they shared.
func Main(m *testing.M) (code int) {
	var err error
	if Scratch, err = os.MkdirTemp("", "clfsload-tests-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(Scratch)
	return m.Run()
}

// Binary builds clfsload, once, with the race detector if the tests have it.
var Binary = sync.OnceValues(func() (string, error) {
	path := filepath.Join(Scratch, "clfsload")
	arguments := []string{"build", "-buildvcs=false", "-o", path, "-ldflags", "-X main.version=test"}
	if RaceEnabled {
		arguments = append(arguments, "-race")
	}
	build := exec.Command("go", append(arguments, "./cmd/clfsload")...)
	build.Dir = Root()
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})
