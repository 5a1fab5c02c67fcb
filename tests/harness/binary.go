package harness

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
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
	return path, build(path)
})

// build links clfsload below build/, where the packages whose tests run at the same time find it
// current, and copies it to path, where every account can reach it.
func build(path string) error {
	linked := InModule("build/tests/clfsload")
	arguments := []string{"build", "-buildvcs=false", "-ldflags", "-X main.version=test"}
	if RaceEnabled {
		linked += "-race"
		arguments = append(arguments, "-race")
	}
	unlock, err := lock(linked + ".lock")
	if err != nil {
		return err
	}
	defer unlock()
	if err := runIn(Root(), "go", append(arguments, "-o", linked, "./cmd/clfsload")...); err != nil {
		return err
	}
	return runIn(Root(), "cp", linked, path)
}

// lock waits for the lock of a file that other processes take too.
func lock(path string) (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() { f.Close() }, nil
}

func runIn(directory, name string, arguments ...string) error {
	command := exec.Command(name, arguments...)
	command.Dir = directory
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, arguments[0], err, out)
	}
	return nil
}
