package tests

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// scratch is a directory for the whole run of the tests.
var scratch string

// runTests runs the tests of a package, and removes what they shared.
func runTests(m *testing.M) (code int) {
	var err error
	if scratch, err = os.MkdirTemp("", "clfsload-tests-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(scratch)
	return m.Run()
}

// binary builds clfsload, once, with the race detector if the tests have it.
var binary = sync.OnceValues(func() (string, error) {
	path := filepath.Join(scratch, "clfsload")
	arguments := []string{"build", "-buildvcs=false", "-o", path, "-ldflags", "-X main.version=test"}
	if raceEnabled {
		arguments = append(arguments, "-race")
	}
	build := exec.Command("go", append(arguments, "./cmd/clfsload")...)
	build.Dir = moduleRoot()
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})
